/** Sum over the CPUs of one row of /proc/interrupts (`  4:   12   0   IO-APIC   4-edge   ttyS0`); undefined: no row. */
export function interruptCount(line: string): number | undefined {
  const counts = /^ *[A-Z0-9]+:((?: +\d{1,12})+)/.exec(line)?.[1];
  return counts
    ?.trim()
    .split(/ +/)
    .reduce((sum, count) => sum + Number(count), 0);
}

/** Interrupts that a device's row of /proc/interrupts has, by the name of its action; undefined when it has no row. */
export function interruptsOf(device: string, text: string): number | undefined {
  const row = text.split('\n').find((line) => line.trimEnd().endsWith(` ${device}`));
  return row === undefined ? undefined : interruptCount(row);
}

/** The counts of the row with this label (`LOC`, `3`), summed over the CPUs; undefined when there is no such row. */
export function rowSum(interrupts: string, label: string): number | undefined {
  const row = interrupts.split('\n').find((line) => line.trimStart().startsWith(`${label}:`));
  return row === undefined ? undefined : interruptCount(row);
}
