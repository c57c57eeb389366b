import { REGISTER_NAMES, type Registers } from '../qemu/gdbstub/index.js';
import type { Disassembled } from '../symbols/index.js';
import type { TraceContext } from './context.js';

/** The calls that are traced into: calls of named functions, and calls at named addresses. */
export class Callees {
  readonly #vcpu: number;
  readonly #context: TraceContext;
  readonly #into: ReadonlySet<string>;
  readonly #from: ReadonlySet<bigint>;

  /** `into`: names of functions; `from`: linear addresses of calls. */
  constructor(
    vcpu: number,
    context: TraceContext,
    { into, from }: { into: ReadonlySet<string>; from: ReadonlySet<bigint> },
  ) {
    this.#vcpu = vcpu;
    this.#context = context;
    this.#into = into;
    this.#from = from;
  }

  /** Whether the call at the vCPU's RIP is traced into, not stepped over. */
  async follows(call: Disassembled, registers: Registers): Promise<boolean> {
    // A call of the next instruction only reads RIP (decompressor: `call 1f; 1: pop`).
    if (call.target === call.address + BigInt(call.length) || this.#isThunk(call)) return true;
    if (this.#from.has(call.address)) return true;
    const callee = await this.#calleeOf(call, registers);
    return callee !== undefined && this.#isNamed(callee);
  }

  /** A retpoline thunk's own call never returns: it replaces its return address (arch/x86/lib/retpoline.S). */
  #isThunk({ address, target }: Disassembled): boolean {
    const { symbols } = this.#context;
    const inside = target === undefined ? undefined : symbols.at(target)?.symbol;
    return (
      inside?.name.startsWith('__x86_indirect_thunk_') === true && symbols.at(address)?.symbol === inside
    );
  }

  async #calleeOf(
    { target, slot, register }: Disassembled,
    registers: Registers,
  ): Promise<bigint | undefined> {
    const found = target === undefined ? undefined : this.#context.symbols.at(target);
    const names = found === undefined ? [] : [found.symbol, ...found.aliases].map(({ name }) => name);
    const thunk = names.map((name) => /^__x86_indirect_thunk_(r\w+)$/.exec(name)?.[1]).find(isKnown);
    const through = REGISTER_NAMES.find((name) => name === (register ?? thunk));
    if (through !== undefined) return registers[through];
    if (target !== undefined) return target;
    if (slot === undefined) return undefined;
    return (await this.#context.gdb.readMemory(slot, 8, { vcpu: this.#vcpu })).readBigUInt64LE(0);
  }

  #isNamed(callee: bigint): boolean {
    const found = this.#context.symbols.at(callee);
    if (found?.offset !== 0) return false;
    return [found.symbol, ...found.aliases].some(({ name }) => this.#into.has(name));
  }
}

function isKnown(name: string | undefined): boolean {
  return name !== undefined;
}
