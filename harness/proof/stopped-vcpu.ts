import { z } from 'zod';
import { roleSchema, symbolsSchema } from './names.js';
import { type Rule, ruled } from './proof.js';
import type { StackSeen, StoppedVcpu, StoppedWitness } from './witness.js';

const InSchema = z.strictObject({ role: roleSchema, in: symbolsSchema });
const InterruptsSchema = z.strictObject({ role: roleSchema, interrupts: z.enum(['on', 'off']) });
const StackSchema = z.strictObject({ role: roleSchema, stackHas: symbolsSchema });

const ask = (asked: { readonly role: string }, witness: StoppedWitness) =>
  witness.stopped(witness.vcpuOf(asked));

const inRule: Rule<z.infer<typeof InSchema>, StoppedVcpu, StoppedWitness> = {
  what: ({ role, in: wanted }) => `${role} is in ${[wanted].flat().join(' or ')}`,
  ask,
  judge: ({ in: wanted }, { function: at, line }) => ({
    proved: at !== undefined && [wanted].flat().includes(at),
    saw: line,
  }),
};

const interruptsRule: Rule<z.infer<typeof InterruptsSchema>, StoppedVcpu, StoppedWitness> = {
  what: ({ role, interrupts }) => `${role} has interrupts ${interrupts}`,
  ask,
  judge: ({ interrupts }, { interruptsOn, line }) => ({
    proved: interruptsOn === (interrupts === 'on'),
    saw: line,
  }),
};

const stackRule: Rule<z.infer<typeof StackSchema>, StackSeen, StoppedWitness> = {
  what: ({ role, stackHas: wanted }) => `${role}'s stack has ${[wanted].flat().join(' or ')}`,
  ask: (asked, witness) => witness.stack(witness.vcpuOf(asked)),
  judge: ({ stackHas: wanted }, { functions, line }) => ({
    proved: functions.some((name) => [wanted].flat().includes(name)),
    saw: line,
  }),
};

/** `role: crasher, in: mask_ioapic_irq`: the function that a stopped vCPU is in. */
export const inFunction = { name: 'in', choreography: ruled(InSchema, inRule) };

/** `role: crasher, interrupts: off`: RFLAGS.IF of a stopped vCPU. */
export const interruptFlag = {
  name: 'interrupts on or off',
  choreography: ruled(InterruptsSchema, interruptsRule),
};

/** `role: crasher, stackHas: handle_irq`: a function in a reliable frame of a stopped vCPU's stack. */
export const stackHas = { name: 'stackHas', choreography: ruled(StackSchema, stackRule) };
