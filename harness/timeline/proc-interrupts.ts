/** One row of /proc/interrupts. */
export interface InterruptRow {
  /** `4`, `NMI`, `LOC`. */
  readonly row: string;
  /** Sum over the CPUs. */
  readonly count: number;
  /** The IO-APIC pin of a row that has one. */
  readonly pin: number | undefined;
  /** Names of the devices that requested it; empty for rows that belong to no device. */
  readonly devices: readonly string[];
}

/**
 * Reads /proc/interrupts (kernel/irq/proc.c, show_interrupts(); v6.1 and v6.12 recorded):
 * `  4:  153  0   IO-APIC   4-edge      ttyS0, other`. Lines that are no row are left out.
 */
export function readProcInterrupts(text: string): InterruptRow[] {
  return text.split('\n').flatMap((line) => {
    const found = /^ *(\w{1,8}):((?: +\d{1,20})+)(?: +(.*))?$/.exec(line.trimEnd());
    if (found?.[1] === undefined || found[2] === undefined) return [];
    const count = found[2]
      .trim()
      .split(/ +/)
      .reduce((sum, each) => sum + Number(each), 0);
    const chip = /^IR-IO-APIC|^IO-APIC/.test(found[3] ?? '') ? found[3] : undefined;
    const wired = / (\d{1,4})-(?:edge|fasteoi|level)(?: +(.*))?$/.exec(chip ?? '');
    const other = /^\S+ +\S*\d+(?:-edge)? +(.*)$/.exec(found[3] ?? '')?.[1];
    const names = /^\d+$/.test(found[1]) ? (wired === null ? other : wired[2]) : undefined;
    return [
      {
        row: found[1],
        count,
        pin: wired === null ? undefined : Number(wired[1]),
        devices: names?.split(/, */).map((name) => name.trim()) ?? [],
      },
    ];
  });
}

/** The row of a number, a name (`NMI`) or a device (`ttyS0`); undefined when there is none. */
export function rowNamed(rows: readonly InterruptRow[], name: string): InterruptRow | undefined {
  return rows.find(({ row }) => row === name) ?? rows.find(({ devices }) => devices.includes(name));
}

/** Interrupts of the row with this number, name or device, summed over the CPUs; undefined when there is none. */
export function interruptsOf(name: string, text: string): number | undefined {
  return rowNamed(readProcInterrupts(text), name)?.count;
}

/** The IO-APIC pin of a device; undefined when it has none (no such device, or message-signalled interrupts). */
export function pinOfDevice(rows: readonly InterruptRow[], device: string): number | undefined {
  return rows.find(({ devices, pin }) => pin !== undefined && devices.includes(device))?.pin;
}
