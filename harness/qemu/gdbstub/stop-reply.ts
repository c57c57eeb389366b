import { parseThreadId, vcpuOf } from './thread-id.js';

/**
 * Why the guest stopped, according to the stop reply. QEMU has one signal for each of its run states
 * (gdb_vm_state_change): a breakpoint and a finished step are both `trap`; 0x03, a QMP `stop` and the attaching itself
 * are all `interrupt`.
 */
export type GdbStopReason =
  | {
      readonly kind:
        | 'trap'
        | 'interrupt'
        | 'shutdown'
        | 'watchdog'
        | 'internal-error'
        | 'io-error'
        | 'migration'
        | 'unknown-signal';
    }
  /** A watchpoint; `address` is guest-virtual. */
  | { readonly kind: 'watchpoint'; readonly access: 'write' | 'read' | 'access'; readonly address: bigint }
  /** QEMU leaves. */
  | { readonly kind: 'exited'; readonly status: number };

/** A parsed stop reply. */
export interface StopReply {
  /** GDB's signal number; 0 for an exit. */
  readonly signal: number;
  /** The vCPU that is named. Not always the one that caused it: an `interrupt` names the last one that was selected. */
  readonly vcpu: number | undefined;
  readonly reason: GdbStopReason;
}

const SIGNALS: Readonly<Record<number, Exclude<GdbStopReason['kind'], 'watchpoint' | 'exited'>>> = {
  2: 'interrupt',
  3: 'shutdown',
  5: 'trap',
  6: 'internal-error',
  14: 'watchdog',
  17: 'io-error',
  24: 'migration',
};

const WATCHES = { watch: 'write', rwatch: 'read', awatch: 'access' } as const;

/** True for packets that report a stop, after any request: no other reply starts with these letters. */
export function isStopReply(payload: string): boolean {
  return /^[TSWX][0-9a-f]{2}/iu.test(payload);
}

/** Reads `Txx...`, `Sxx`, `Wxx` or `Xxx`. `undefined` when it is none of them. Unknown fields are skipped. */
export function parseStopReply(payload: string): StopReply | undefined {
  if (!isStopReply(payload)) return undefined;
  const letter = payload[0];
  const value = Number.parseInt(payload.slice(1, 3), 16);
  if (letter === 'W' || letter === 'X') {
    return { signal: 0, vcpu: undefined, reason: { kind: 'exited', status: value } };
  }
  let vcpu: number | undefined;
  let reason: GdbStopReason = { kind: SIGNALS[value] ?? 'unknown-signal' };
  for (const field of letter === 'T' ? payload.slice(3).split(';') : []) {
    const colon = field.indexOf(':');
    const [name, text] = [field.slice(0, colon), field.slice(colon + 1)];
    if (name === 'thread') {
      const thread = parseThreadId(text);
      vcpu = thread === undefined ? undefined : vcpuOf(thread);
    } else if (name === 'watch' || name === 'rwatch' || name === 'awatch') {
      if (/^[0-9a-f]{1,16}$/iu.test(text)) {
        reason = { kind: 'watchpoint', access: WATCHES[name], address: BigInt(`0x${text}`) };
      }
    }
  }
  return { signal: value, vcpu, reason };
}
