import { GdbStateError } from './errors.js';
import type { Limits } from './limits.js';
import type { Link } from './link.js';
import { command } from './target.js';

/** The kind of a breakpoint. Under TCG both are the same and touch no guest memory; see README.md for KVM. */
export type BreakpointKind = 'hardware' | 'software';

/** The accesses that trigger a watchpoint. x86 debug registers know no pure `read`: KVM refuses it. */
export type WatchAccess = 'write' | 'read' | 'access';

/** A watchpoint: this many bytes, aligned, and this kind of access. */
export interface Watch {
  readonly length: 1 | 2 | 4 | 8;
  readonly access: WatchAccess;
}

/** Something inserted in the guest; `address` is guest-virtual. */
export type Breakpoint =
  | { readonly kind: BreakpointKind; readonly address: bigint }
  | ({ readonly kind: 'watchpoint'; readonly address: bigint } & Watch);

/** DR0 to DR3. */
const DEBUG_REGISTERS = 4;

const WATCH_TYPES: Readonly<Record<WatchAccess, number>> = { write: 2, read: 3, access: 4 };

/** `type,address,kind` of the `Z` and `z` packets. On x86 the length of an execution breakpoint is 1. */
export function packetOf(breakpoint: Breakpoint): string {
  const address = breakpoint.address.toString(16);
  switch (breakpoint.kind) {
    case 'software': {
      return `0,${address},1`;
    }
    case 'hardware': {
      return `1,${address},1`;
    }
    case 'watchpoint': {
      return `${WATCH_TYPES[breakpoint.access]},${address},${breakpoint.length.toString(16)}`;
    }
  }
}

/**
 * Refuses what the processor cannot do under KVM, where execution breakpoints and watchpoints share four debug
 * registers on every vCPU (kvm_arch_insert_hw_breakpoint); the stub's own answer would be a bare E22. TCG has no limit.
 */
export function requireDebugRegister(inserted: Iterable<Breakpoint>, wanted: Breakpoint): void {
  if (wanted.kind === 'software') return;
  const used = Array.from(inserted).filter(({ kind }) => kind !== 'software');
  if (used.length < DEBUG_REGISTERS) return;
  const where = used.map(({ address }) => `0x${address.toString(16)}`).join(', ');
  throw new GdbStateError(
    `cannot set ${describeBreakpoint(wanted)}: KVM has ${DEBUG_REGISTERS} debug registers ` +
      `and all are used (${where}); remove one or use a software breakpoint`,
  );
}

/** For messages: `a hardware breakpoint at "0x1000"`. */
export function describeBreakpoint({ kind, address }: Breakpoint): string {
  return `a ${kind === 'watchpoint' ? kind : `${kind} breakpoint`} at "0x${address.toString(16)}"`;
}

/** What this connection has inserted. The guest must be stopped for a change. */
export class BreakpointTable {
  readonly #link: Link;
  readonly #accel: 'tcg' | 'kvm';
  readonly #inserted = new Map<string, Breakpoint>();

  constructor(link: Link, accel: 'tcg' | 'kvm') {
    this.#link = link;
    this.#accel = accel;
  }

  /** In the order of insertion. */
  get all(): readonly Breakpoint[] {
    return Array.from(this.#inserted.values());
  }

  /** Forgets them all, when the stub has removed them. */
  forget(): void {
    this.#inserted.clear();
  }

  /** Inserts one; a second time changes nothing. */
  async insert(breakpoint: Breakpoint, limits: Limits): Promise<void> {
    const packet = packetOf(breakpoint);
    if (this.#inserted.has(packet)) return;
    if (this.#accel === 'kvm') requireDebugRegister(this.all, breakpoint);
    await command(this.#link, `Z${packet}`, limits);
    this.#inserted.set(packet, breakpoint);
  }

  /** Removes one that this connection has inserted. */
  async remove(breakpoint: Breakpoint, limits: Limits): Promise<void> {
    const packet = packetOf(breakpoint);
    if (!this.#inserted.has(packet)) {
      throw new GdbStateError(`cannot ${limits.what}: it is not set; see breakpoints`);
    }
    await command(this.#link, `z${packet}`, limits);
    this.#inserted.delete(packet);
  }
}
