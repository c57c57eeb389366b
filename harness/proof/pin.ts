import { z } from 'zod';
import { type Irqchips, pinText } from '../hmp/irqchips.js';
import { PinNameSchema } from './names.js';
import { type Rule, ruled } from './proof.js';
import type { MachineWitness } from './witness.js';

/** Conditions on a pin of the IO-APIC; each that is present must hold. */
const PinConditions = z
  .strictObject({
    trigger: z.enum(['edge', 'level']).optional(),
    masked: z.boolean().optional(),
    irr: z.boolean().optional(),
    remoteIrr: z.boolean().optional(),
    /** The line's level; it is known for level pins only. */
    line: z.enum(['asserted', 'idle']).optional(),
  })
  .refine((asked) => Object.keys(asked).length > 0, 'must ask for trigger, masked, irr, remoteIrr or line');
type PinConditions = z.infer<typeof PinConditions>;

const Schema = z.strictObject({ pin: PinNameSchema, is: PinConditions });
type Asked = z.infer<typeof Schema>;

const rule: Rule<Asked, { number: number | undefined; irqchips: Irqchips }, MachineWitness> = {
  what: ({ pin: name, is }) => `${typeof name === 'number' ? 'pin' : 'pin of'} ${name} ${wordsOf(is)}`,
  async ask({ pin: name }, witness) {
    const number = await witness.pinOf(name);
    return { number, irqchips: await witness.irqchips() };
  },
  judge({ is }, { number, irqchips: { ioApic } }) {
    const no = (saw: string) => ({ proved: false, saw });
    if (ioApic === undefined) return no('the machine has no IO-APIC that can be read');
    if (number === undefined) return no('no row of /proc/interrupts ties it to an IO-APIC pin');
    const seen = ioApic.pins[number];
    if (seen === undefined) return no(`the IO-APIC has pins 0 to ${ioApic.pins.length - 1}`);
    const held: Record<keyof PinConditions, unknown> = {
      trigger: seen.trigger,
      masked: seen.masked,
      irr: seen.irr,
      remoteIrr: seen.remoteIrr,
      // QEMU's and KVM's IO-APIC keep the line of a level pin in IRR, and that of an edge pin nowhere.
      line: seen.trigger === 'edge' ? undefined : seen.irr ? 'asserted' : 'idle',
    };
    const proved = conditionsOf(is).every(([key, wanted]) => held[key] === wanted);
    return { proved, saw: pinText(seen) };
  },
  awaitsSources: true,
};

/** `pin: ttyS0, is: { line: asserted }`: a pin of the IO-APIC. */
export const pin = {
  name: 'pin',
  beforeFiring: ruled(Schema, rule),
  choreography: ruled(Schema, rule),
};

function conditionsOf(conditions: PinConditions): [keyof PinConditions, unknown][] {
  const keys = ['trigger', 'masked', 'irr', 'remoteIrr', 'line'] as const;
  return keys.flatMap((key) => (conditions[key] === undefined ? [] : [[key, conditions[key]]]));
}

function wordsOf(conditions: PinConditions): string {
  return conditionsOf(conditions)
    .map(([key, value]) => `${key}=${String(value)}`)
    .join(' ');
}
