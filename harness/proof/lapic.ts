import { z } from 'zod';
import { type LocalApic, lapicText } from '../hmp/lapic.js';
import { cpuSchema, roleSchema, type Subject, subjectName } from './names.js';
import { type Rule, ruled } from './proof.js';
import type { MachineWitness } from './witness.js';

const anyOrVector = z.union([z.literal('any'), z.number().int().min(16).max(255)]);

/** Conditions on a local APIC; each that is present must hold. */
const LocalApicConditions = z
  .strictObject({
    enabled: z.boolean().optional(),
    /** A vector in service, or any. */
    isr: anyOrVector.optional(),
    /** A vector requested and not accepted yet, or any. */
    irr: anyOrVector.optional(),
  })
  .refine((asked) => Object.keys(asked).length > 0, 'must ask for enabled, isr or irr');
type LocalApicConditions = z.infer<typeof LocalApicConditions>;

type Asked = Subject & { readonly lapic: LocalApicConditions };

const rule: Rule<Asked, LocalApic | undefined, MachineWitness> = {
  what(asked) {
    const { enabled, isr, irr } = asked.lapic;
    const conditions = [
      ...(enabled === undefined ? [] : [enabled ? 'enabled' : 'disabled']),
      ...(isr === undefined ? [] : [`ISR has ${vectorWord(isr)}`]),
      ...(irr === undefined ? [] : [`IRR has ${vectorWord(irr)}`]),
    ];
    return `local APIC of ${subjectName(asked)}: ${conditions.join(', ')}`;
  },
  ask: (asked, witness) => witness.lapic(witness.vcpuOf(asked)),
  judge({ lapic: { enabled, isr, irr } }, seen) {
    if (seen === undefined) return { proved: false, saw: 'QEMU shows no local APIC for it' };
    const has = (vectors: readonly number[], wanted: number | 'any' | undefined) =>
      wanted === undefined || (wanted === 'any' ? vectors.length > 0 : vectors.includes(wanted));
    const proved = (enabled ?? seen.enabled) === seen.enabled && has(seen.isr, isr) && has(seen.irr, irr);
    return { proved, saw: lapicText(seen) };
  },
  awaitsSources: true,
};

/** `cpu: 0, lapic: { irr: 209 }` or `role: crasher, lapic: ...`: a vCPU's local APIC. Before firing, the vCPU runs. */
export const lapic = {
  name: 'lapic',
  beforeFiring: ruled(z.strictObject({ cpu: cpuSchema, lapic: LocalApicConditions }), rule),
  choreography: ruled(z.strictObject({ role: roleSchema, lapic: LocalApicConditions }), rule),
};

const anyInService = ({ role }: { readonly role: string }) => ({ role, lapic: { isr: 'any' as const } });
const inServiceRule: Rule<{ readonly role: string }, LocalApic | undefined, MachineWitness> = {
  ...rule,
  what: (asked) => rule.what(anyInService(asked)),
  ask: (asked, witness) => rule.ask(anyInService(asked), witness),
  judge: (asked, seen) => rule.judge(anyInService(asked), seen),
};

/** `role: crasher, inService: true`: at least one vector is in service; short for `lapic: { isr: any }`. */
export const inService = {
  name: 'inService',
  choreography: ruled(z.strictObject({ role: roleSchema, inService: z.literal(true) }), inServiceRule),
};

function vectorWord(wanted: number | 'any'): string {
  return wanted === 'any' ? 'a vector' : String(wanted);
}
