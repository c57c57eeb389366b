/** One line of the qtest protocol (QEMU 7.2, softmmu/qtest.c, qtest_process_command()). */
export interface QtestCommand {
  /** Without its line end. */
  readonly line: string;
  /** Whether the answer carries a value. */
  readonly reads: boolean;
}

/** An input line of a device model, e.g. an IO-APIC's pin. */
export interface IrqInput {
  /** Absolute path in QEMU's object tree, e.g. `/machine/i440fx/ioapic`. */
  readonly device: string;
  /** Number of the line. QEMU asserts, and dies, on one that the device does not have. */
  readonly line: number;
}

/** Writes 32 bits to a guest-physical address, as a device would. */
export function writel(address: number, value: number): QtestCommand {
  return { line: `writel ${hex(address)} ${hex(value)}`, reads: false };
}

/** Reads 32 bits from a guest-physical address, as a device would. */
export function readl(address: number): QtestCommand {
  return { line: `readl ${hex(address)}`, reads: true };
}

/** Drives a device's unnamed input line to a level, as another device would. */
export function setIrqIn({ device, line }: IrqInput, level: 0 | 1): QtestCommand {
  // Words are divided by spaces, and a word too few is an assertion in QEMU.
  if (!/^\/[\w/.[\]-]{1,250}$/u.test(device)) {
    throw new RangeError(`cannot drive a line of device "${device}": it is no path in QEMU's object tree`);
  }
  if (!Number.isInteger(line) || line < 0) {
    throw new RangeError(`cannot drive line "${line}": lines are counted from 0`);
  }
  return { line: `set_irq_in ${device} unnamed-gpio-in ${line} ${level}`, reads: false };
}

function hex(value: number): string {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
    throw new RangeError(`cannot use "${value}": an address or value is an integer of 32 bits`);
  }
  return `0x${value.toString(16)}`;
}
