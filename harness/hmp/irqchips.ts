/** One pin of an IO-APIC: its redirection entry, and whether an interrupt is pending there. */
export interface IoApicPin {
  readonly pin: number;
  readonly vector: number;
  readonly trigger: 'edge' | 'level';
  readonly polarity: 'high' | 'low';
  readonly masked: boolean;
  readonly delivery: 'fixed' | 'lowest' | 'SMI' | 'NMI' | 'INIT' | 'extINT' | 'reserved';
  readonly destinationMode: 'physical' | 'logical';
  /** All eight bits of the destination field: an APIC id, or a set of logical ids. */
  readonly destination: number;
  /** For a level pin that QEMU models, the line's level; for an edge pin, an edge that is not delivered yet. */
  readonly irr: boolean;
  /** Level pins only: delivered, and not acknowledged by an EOI yet. */
  readonly remoteIrr: boolean;
}

export interface IoApic {
  /** 0x20 is QEMU's own model, 0x11 KVM's. */
  readonly version: number;
  readonly pins: readonly IoApicPin[];
}

/** The registers of one 8259, a bit for each of its eight lines. `elcr`: lines that are level triggered. */
export interface Pic8259 {
  readonly irr: number;
  readonly imr: number;
  readonly isr: number;
  readonly elcr: number;
}

/** What `info pic` shows; a machine may lack either. */
export interface Irqchips {
  readonly ioApic: IoApic | undefined;
  readonly pics: { readonly master: Pic8259; readonly slave: Pic8259 } | undefined;
}

const DELIVERY = ['fixed', 'lowest', 'SMI', 'reserved', 'NMI', 'INIT', 'reserved', 'extINT'] as const;

/**
 * Reads HMP `info pic`: QEMU 7.2, pc and q35 (recorded). According to the source, newer QEMU (hw/intc/ioapic_common.c,
 * hw/intc/i8259.c) and KVM's in-kernel IO-APIC (ver=0x11; the same function prints it) print the same text. The pins
 * are read from the raw redirection entries (Intel 82093AA, section 3.2.4), not from the words behind them.
 */
export function readIrqchips(text: string): Irqchips {
  return { ioApic: readIoApic(text), pics: readPics(text) };
}

function readIoApic(text: string): IoApic | undefined {
  const version = /^ioapic0: ver=0x([0-9a-f]{1,2}) /m.exec(text)?.[1];
  // `  IRR      9 11 ` or `  IRR      (none)`; "Remote IRR" is bit 14 of the entries.
  const pending = /^ +IRR +([\d ]+|\(none\)) *\r?$/m.exec(text)?.[1];
  if (version === undefined || pending === undefined) return undefined;
  const requested = new Set(pending.match(/\d+/g)?.map(Number));
  const pins = [...text.matchAll(/^ +pin (\d{1,3}) +0x([0-9a-f]{16}) dest=/gm)].map(([, pin, entry]) =>
    pinOf(Number(pin), BigInt(`0x${entry}`), requested),
  );
  return pins.length === 0 ? undefined : { version: Number.parseInt(version, 16), pins };
}

function pinOf(pin: number, entry: bigint, requested: ReadonlySet<number>): IoApicPin {
  const bit = (number: bigint) => ((entry >> number) & 1n) === 1n;
  const level = bit(15n);
  return {
    pin,
    vector: Number(entry & 0xffn),
    trigger: level ? 'level' : 'edge',
    polarity: bit(13n) ? 'low' : 'high',
    masked: bit(16n),
    delivery: DELIVERY[Number((entry >> 8n) & 7n)] ?? 'reserved',
    destinationMode: bit(11n) ? 'logical' : 'physical',
    destination: Number((entry >> 56n) & 0xffn),
    irr: requested.has(pin),
    remoteIrr: level && bit(14n),
  };
}

function readPics(text: string): Irqchips['pics'] {
  const master = readPic(text, 0);
  const slave = readPic(text, 1);
  return master === undefined || slave === undefined ? undefined : { master, slave };
}

function readPic(text: string, number: 0 | 1): Pic8259 | undefined {
  const line = new RegExp(`^pic${number}: (.*)$`, 'm').exec(text)?.[1] ?? '';
  const register = (name: string) => new RegExp(`(?:^| )${name}=([0-9a-f]{2})(?: |$)`).exec(line)?.[1];
  const [irr, imr, isr, elcr] = ['irr', 'imr', 'isr', 'elcr'].map(register);
  if (irr === undefined || imr === undefined || isr === undefined || elcr === undefined) return undefined;
  const hex = (digits: string) => Number.parseInt(digits, 16);
  return { irr: hex(irr), imr: hex(imr), isr: hex(isr), elcr: hex(elcr) };
}

/** The delivery mode in bits 8 to 10 of a redirection or local vector entry. */
export function deliveryOf(entry: number): IoApicPin['delivery'] {
  return DELIVERY[(entry >> 8) & 7] ?? 'reserved';
}

/** A pin in one line: `pin 11 level active-high vector 36 irr remote-irr`. */
export function pinText(pin: IoApicPin): string {
  return [
    `pin ${pin.pin} ${pin.trigger} active-${pin.polarity}`,
    `vector ${pin.vector}${pin.delivery === 'fixed' ? '' : ` (${pin.delivery})`}`,
    `to ${pin.destinationMode} ${pin.destination}`,
    ...(pin.masked ? ['masked'] : []),
    ...(pin.irr ? ['irr'] : []),
    ...(pin.remoteIrr ? ['remote-irr'] : []),
  ].join(' ');
}
