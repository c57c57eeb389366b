import type {
  InterruptRouters,
  IoApicPin,
  LocalApic,
  LocalApicConditions,
  PinConditions,
} from '../model/irqchip.js';

/** A condition looked at: what was asked, whether it holds, and what was there. */
export interface Checked {
  readonly what: string;
  readonly proved: boolean;
  readonly saw: string;
}

/** Holds a pin against what is asked of it. `name` is how the scenario calls it; a pin that is not there fails. */
export function checkPin(
  conditions: PinConditions,
  { name, number, routers }: { name: string; number: number | undefined; routers: InterruptRouters },
): Checked {
  const what = `${name} ${wordsOf(conditions)}`;
  const no = (saw: string): Checked => ({ what, proved: false, saw });
  if (routers.ioApic === undefined) return no('the machine has no IO-APIC that can be read');
  if (number === undefined) return no('no row of /proc/interrupts ties it to an IO-APIC pin');
  const pin = routers.ioApic.pins[number];
  if (pin === undefined) return no(`the IO-APIC has pins 0 to ${routers.ioApic.pins.length - 1}`);
  const held: Record<keyof PinConditions, unknown> = {
    trigger: pin.trigger,
    masked: pin.masked,
    irr: pin.irr,
    remoteIrr: pin.remoteIrr,
    // QEMU's and KVM's IO-APIC keep the line of a level pin in IRR, and that of an edge pin nowhere.
    line: pin.trigger === 'edge' ? undefined : pin.irr ? 'asserted' : 'idle',
  };
  const proved = conditionsOf(conditions).every(([key, wanted]) => held[key] === wanted);
  return { what, proved, saw: pinText(pin) };
}

function conditionsOf(conditions: PinConditions): [keyof PinConditions, unknown][] {
  const keys = ['trigger', 'masked', 'irr', 'remoteIrr', 'line'] as const;
  return keys.flatMap((key) => (conditions[key] === undefined ? [] : [[key, conditions[key]]]));
}

function wordsOf(conditions: PinConditions): string {
  return conditionsOf(conditions)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(' ');
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

/** Holds a local APIC against what is asked of it; one that cannot be read fails. */
export function checkLapic(
  conditions: LocalApicConditions,
  { name, lapic }: { name: string; lapic: LocalApic | undefined },
): Checked {
  const asked = [
    ...(conditions.enabled === undefined ? [] : [conditions.enabled ? 'enabled' : 'disabled']),
    ...(conditions.isr === undefined ? [] : [`ISR has ${vectorWord(conditions.isr)}`]),
    ...(conditions.irr === undefined ? [] : [`IRR has ${vectorWord(conditions.irr)}`]),
  ];
  const what = `local APIC of ${name}: ${asked.join(', ')}`;
  if (lapic === undefined) return { what, proved: false, saw: 'QEMU shows no local APIC for it' };
  const has = (vectors: readonly number[], wanted: number | 'any' | undefined) =>
    wanted === undefined || (wanted === 'any' ? vectors.length > 0 : vectors.includes(wanted));
  const proved =
    (conditions.enabled ?? lapic.enabled) === lapic.enabled &&
    has(lapic.isr, conditions.isr) &&
    has(lapic.irr, conditions.irr);
  return { what, proved, saw: lapicText(lapic) };
}

function vectorWord(wanted: number | 'any'): string {
  return wanted === 'any' ? 'a vector' : String(wanted);
}

/** A local APIC in one line: `enabled ISR 36 IRR 48(level)`. */
export function lapicText(lapic: LocalApic): string {
  const list = (vectors: readonly number[]) =>
    vectors.map((vector) => `${vector}${lapic.level.includes(vector) ? '(level)' : ''}`).join(' ') ||
    '(none)';
  return `${lapic.enabled ? 'enabled' : 'disabled'} ISR ${list(lapic.isr)} IRR ${list(lapic.irr)}`;
}
