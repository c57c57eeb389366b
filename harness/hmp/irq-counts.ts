/**
 * Reads HMP `info irq`: for each controller that QEMU models, the interrupts that its lines raised (QEMU 7.2,
 * hw/intc/i8259_common.c and ioapic: `IRQ statistics for isa-i8259:`, then ` 0: 1234`). With KVM's in-kernel controllers
 * the text has no counts. Keys are `isa-i8259 0`.
 */
export function readIrqCounts(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  let controller = '';
  for (const line of text.split(/\r?\n/)) {
    const named = /^IRQ statistics for ([\w.-]{1,64}):$/.exec(line)?.[1];
    if (named !== undefined) controller = named;
    const [, number, count] = /^ *(\d{1,3}): (\d{1,19})$/.exec(line) ?? [];
    if (number === undefined || count === undefined) continue;
    const key = `${controller} ${number}`;
    counts.set(key, (counts.get(key) ?? 0) + Number(count));
  }
  return counts;
}
