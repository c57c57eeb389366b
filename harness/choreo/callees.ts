import { REGISTER_NAMES, type Registers } from '../qemu/gdbstub/index.js';
import type { Disassembled } from '../symbols/index.js';
import type { WalkStage } from './context.js';

/** Which calls a walk follows: into functions that are named, and from places that are named. */
export class Callees {
  readonly #vcpu: number;
  readonly #stage: WalkStage;
  readonly #into: ReadonlySet<string>;
  readonly #from: ReadonlySet<bigint>;

  /** `into`: names of functions; `from`: linear addresses of calls. */
  constructor(
    vcpu: number,
    stage: WalkStage,
    { into, from }: { into: ReadonlySet<string>; from: ReadonlySet<bigint> },
  ) {
    this.#vcpu = vcpu;
    this.#stage = stage;
    this.#into = into;
    this.#from = from;
  }

  /** Whether the walk goes into the call that a vCPU with these registers stands at, instead of over it. */
  async follows(call: Disassembled, registers: Registers): Promise<boolean> {
    // A call of the next instruction only asks where it is (decompressor: `call 1f; 1: pop`).
    if (call.target === call.address + BigInt(call.length) || this.#isThunk(call)) return true;
    if (this.#from.has(call.address)) return true;
    const callee = await this.#calleeOf(call, registers);
    return callee !== undefined && this.#isNamed(callee);
  }

  /** A retpoline thunk's own call never comes back: it replaces its return address (arch/x86/lib/retpoline.S). */
  #isThunk({ address, target }: Disassembled): boolean {
    const { symbols } = this.#stage;
    const inside = target === undefined ? undefined : symbols.at(target)?.symbol;
    return (
      inside?.name.startsWith('__x86_indirect_thunk_') === true && symbols.at(address)?.symbol === inside
    );
  }

  async #calleeOf(
    { target, slot, register }: Disassembled,
    registers: Registers,
  ): Promise<bigint | undefined> {
    const place = target === undefined ? undefined : this.#stage.symbols.at(target);
    const names = place === undefined ? [] : [place.symbol, ...place.aliases].map(({ name }) => name);
    const thunk = names.map((name) => /^__x86_indirect_thunk_(r\w+)$/.exec(name)?.[1]).find(isKnown);
    const through = REGISTER_NAMES.find((name) => name === (register ?? thunk));
    if (through !== undefined) return registers[through];
    if (target !== undefined) return target;
    if (slot === undefined) return undefined;
    return (await this.#stage.gdb.readMemory(slot, 8, { vcpu: this.#vcpu })).readBigUInt64LE(0);
  }

  #isNamed(callee: bigint): boolean {
    const place = this.#stage.symbols.at(callee);
    if (place?.offset !== 0) return false;
    return [place.symbol, ...place.aliases].some(({ name }) => this.#into.has(name));
  }
}

function isKnown(name: string | undefined): boolean {
  return name !== undefined;
}
