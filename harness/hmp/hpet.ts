/** Physical address of the HPET of QEMU's PC machines (hw/timer/hpet.c, HPET_BASE, 7.2). */
export const HPET_BASE = 0xfed00000n;
/** Its registers up to the third timer. */
export const HPET_BYTES = 0x160;

/** One timer of an HPET. */
export interface HpetTimer {
  readonly enabled: boolean;
  readonly periodic: boolean;
  /** Whether the comparator is still ahead of the main counter, or comes round again. */
  readonly ahead: boolean;
  /** It sends a message instead of driving a line. */
  readonly message: boolean;
  /** The pin of the IO-APIC that it drives. */
  readonly pin: number;
}

/** An HPET: whether its main counter runs, and its timers (IA-PC HPET specification 1.0a, 2.3). */
export interface Hpet {
  readonly runs: boolean;
  readonly timers: readonly HpetTimer[];
}

/** Pins of timers 0 and 1 with legacy replacement (IA-PC HPET specification 1.0a, 2.3.5.1). */
const LEGACY_PINS = [2, 8];

/** Reads an HPET's registers; undefined when there is none. */
export function readHpet(bytes: Uint8Array): Hpet | undefined {
  if (bytes.length < HPET_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const register = (at: number) => view.getBigUint64(at, true);
  const capabilities = register(0);
  if (((capabilities >> 16n) & 0xffffn) !== 0x8086n) return undefined;
  const configuration = register(0x10);
  const counter = register(0xf0);
  const legacy = (configuration & 2n) !== 0n;
  const count = Math.min(3, Number((capabilities >> 8n) & 0x1fn) + 1);
  const timers = Array.from({ length: count }, (_, index): HpetTimer => {
    const timer = register(0x100 + 0x20 * index);
    const comparator = register(0x108 + 0x20 * index);
    const periodic = (timer & 8n) !== 0n;
    const is32Bit = (timer & 0x100n) !== 0n || (timer & 0x20n) === 0n;
    return {
      enabled: (timer & 4n) !== 0n,
      periodic,
      ahead: periodic || is32Bit || comparator > counter,
      message: (timer & 0x4000n) !== 0n,
      pin: (legacy ? LEGACY_PINS[index] : undefined) ?? Number((timer >> 9n) & 0x1fn),
    };
  });
  return { runs: (configuration & 1n) !== 0n, timers };
}
