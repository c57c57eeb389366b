import type { Debugger } from '../machine/debugger.js';
import type { LockWait } from '../model/autopsy.js';
import type { HostFact } from '../model/record.js';
import type { VcpuRegisters } from '../hmp/registers.js';
import type { VcpuState } from '../model/event.js';
import type { ExaminedVcpu, PlacedAccess } from '../standstill/judge.js';
import type { SymbolTable } from '../symbols/index.js';
import { orUnreadable } from './debugger.js';
import { LOCK_FUNCTION } from './lock-functions.js';

/** One vCPU while it is examined. */
export interface Suspect extends ExaminedVcpu {
  readonly seen: VcpuState;
  readonly registers: VcpuRegisters;
  readonly symbols: SymbolTable | undefined;
  /** Functions on its stack, innermost first; empty without symbols. */
  readonly stack: readonly string[];
}

type Described = Extract<HostFact, { fact: 'examination' }>['vcpus'][number];

/** Entries and handlers of interrupts and exceptions: below them is what was interrupted. */
const ENTRY = /^(asm_\w+|end_repeat_nmi|repeat_nmi|nmi_restore|first_nmi|paranoid_exit|error_entry)$/;

const MOST_INSTRUCTIONS = 32;
const MOST_READS = 12;
const MOST_FRAMES = 16;
const MOST_HOLDER_FRAMES = 3;

/** One vCPU as an examination's fact describes it: every statement of the argument, so that a reader can check it. */
export async function describeVcpu(
  suspect: Suspect,
  {
    all,
    gdb,
    wait,
  }: {
    readonly all: readonly Suspect[];
    readonly gdb: Pick<Debugger, 'readMemory'>;
    /** The lock that it waits for. */
    readonly wait?: LockWait | undefined;
  },
): Promise<Described> {
  const { vcpu, state, place, seen, symbols, stack, loop, wake, nmi } = suspect;
  const saw: string[] = [];
  const label = (address: bigint) => symbols?.label(address) ?? `0x${address.toString(16)}`;
  if (loop?.kind === 'recurs') {
    saw.push(
      `followed for ${loop.steps} instructions with the others held: its registers and all that it stored are the same after each round of ${loop.loop.length}`,
    );
    for (const { address, text } of loop.loop.slice(0, MOST_INSTRUCTIONS))
      saw.push(`${label(address)}: ${text}`);
    if (loop.loop.length > MOST_INSTRUCTIONS) saw.push(`and ${loop.loop.length - MOST_INSTRUCTIONS} more`);
    const stores = loop.loop.reduce((sum, step) => sum + step.stores.length, 0);
    saw.push(`it reads no time and no device, and its ${stores} stores per round leave memory as it was`);
    saw.push(
      loop.reads.length === 0
        ? 'it reads no memory that it does not store itself'
        : `it reads ${loop.reads.length} places that it does not store`,
    );
    for (const read of loop.reads.slice(0, MOST_READS))
      saw.push(await describeRead(read, { suspect, gdb, label }));
    saw.push(...describeLock(suspect, { all, wait }));
  } else if (loop !== undefined) {
    saw.push(`followed for ${loop.steps} instructions: ${loop.why}`);
  }
  if (nmi !== undefined) saw.push(nmi);
  if (wake?.kind === 'none') saw.push(...wake.saw);
  else if (wake !== undefined) saw.push(wake.why);
  if (stack.length > 0) saw.push(`stack: ${stack.slice(0, MOST_FRAMES).join(' < ')}`);
  const rip = BigInt(`0x${seen.rip}`);
  const where = symbols?.at(rip) === undefined ? undefined : symbols.label(rip);
  return { vcpu, state, place, rip: seen.rip, ...(where === undefined ? {} : { where }), saw };
}

async function describeRead(
  read: PlacedAccess,
  {
    suspect,
    gdb,
    label,
  }: {
    readonly suspect: Suspect;
    readonly gdb: Pick<Debugger, 'readMemory'>;
    readonly label: (address: bigint) => string;
  },
): Promise<string> {
  const bytes = await orUnreadable(gdb.readMemory(read.address, read.length, { vcpu: suspect.vcpu }));
  const value = bytes === undefined ? 'unreadable' : `0x${Buffer.from(bytes.toReversed()).toString('hex')}`;
  const name = suspect.symbols?.at(read.address) === undefined ? '' : ` (${label(read.address)})`;
  return `reads ${read.length} bytes at 0x${read.address.toString(16)}${name}, physical 0x${read.physical.toString(16)}: ${value}`;
}

/** Which lock it waits for, who holds it, and who cannot release one. */
function describeLock(
  { vcpu, stack, loop }: Suspect,
  { all, wait }: { readonly all: readonly Suspect[]; readonly wait: LockWait | undefined },
): string[] {
  if (loop?.kind !== 'recurs' || !LOCK_FUNCTION.test(stack[0] ?? '')) return [];
  const caller = wait?.takenIn ?? stack.find((name) => !LOCK_FUNCTION.test(name));
  const lock = wait?.lock.name === undefined ? 'a lock' : `the lock ${wait.lock.name}`;
  const saw = [`it waits for ${lock}, which ${caller ?? 'its caller'} takes`];
  if (wait?.holder !== undefined) {
    const { certain, proof } = wait.holder;
    saw.push(`vCPU ${wait.holder.vcpu} ${certain ? 'holds' : 'probably holds'} it: ${proof}`);
  }
  for (const other of all) {
    const inside = interruptedIn(other.stack);
    if (other.vcpu === vcpu) {
      if (inside !== undefined) saw.push(`its own interrupted context may hold it: ${inside}`);
    } else if (other.state === 'parked' && inside !== undefined) {
      saw.push(`vCPU ${other.vcpu}, stopped in ${inside}, is parked and cannot release a lock`);
    } else if (other.loop?.kind === 'recurs' && !other.interruptsOn && other.stack.length > 0) {
      const where = other.stack.slice(0, MOST_HOLDER_FRAMES).join(' < ');
      saw.push(`vCPU ${other.vcpu}, in a loop of its own in ${where}, cannot release a lock`);
    }
  }
  return saw;
}

/** The first functions below the outermost entry of an interrupt or exception. */
function interruptedIn(stack: readonly string[]): string | undefined {
  const entry = stack.findLastIndex((name) => ENTRY.test(name));
  const inside = entry < 0 ? [] : stack.slice(entry + 1, entry + 1 + MOST_HOLDER_FRAMES);
  return inside.length === 0 ? undefined : inside.join(' < ');
}
