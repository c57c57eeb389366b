import { z } from 'zod';
import { interruptsOf } from '../timeline/proc-interrupts.js';
import { asking, type Judged } from './proof.js';
import type { CaptureWitness } from './witness.js';

const timerNames = z
  .array(z.string().regex(/^[\w.-]{1,64}$/, 'must be a name as sysfs gives it'))
  .min(1)
  .max(8);

/** `clocksource: [tsc, kvm-clock]`: its current clocksource is one of these. */
export const clocksource = {
  name: 'clocksource',
  capture: asking(z.strictObject({ clocksource: timerNames }), (asked, { timers }: CaptureWitness) =>
    oneOf('clocksource', asked.clocksource, timers?.clocksource),
  ),
};

/** `clockevent: [lapic]`: the clock event device of its boot CPU is one of these. */
export const clockevent = {
  name: 'clockevent',
  capture: asking(z.strictObject({ clockevent: timerNames }), (asked, { timers }: CaptureWitness) =>
    oneOf('clock event device', asked.clockevent, timers?.clockevent),
  ),
};

/** `interrupts: { row: LOC, atLeast: 10 }`: a row of its /proc/interrupts, summed over its CPUs, is at least so much. */
export const captureInterrupts = {
  name: 'interrupts of the capture kernel',
  capture: asking(
    z.strictObject({
      interrupts: z.strictObject({
        row: z.string().regex(/^[A-Z0-9]{1,8}$/),
        atLeast: z.number().int().min(1),
      }),
    }),
    ({ interrupts: { row, atLeast } }, { interrupts }: CaptureWitness): Judged => {
      const sum = interruptsOf(row, interrupts);
      return {
        what: `/proc/interrupts ${row} is at least ${atLeast}`,
        proved: sum !== undefined && sum >= atLeast,
        saw: sum === undefined ? 'no such row' : String(sum),
      };
    },
  ),
};

/** `cpus: { atLeast: 2 }`: so many of its CPUs are online. */
export const captureCpus = {
  name: 'cpus of the capture kernel',
  capture: asking(
    z.strictObject({ cpus: z.strictObject({ atLeast: z.number().int().min(1).max(64) }) }),
    ({ cpus: { atLeast } }, { cpus }: CaptureWitness): Judged => ({
      what: `number of online CPUs is at least ${atLeast}`,
      proved: cpus !== undefined && cpus >= atLeast,
      saw: cpus === undefined ? 'none reported' : String(cpus),
    }),
  ),
};

const vcpus = z.array(z.number().int().min(0).max(254)).min(1).max(64);

/**
 * `inits: { lacks: [0] }`: vCPUs that got an INIT from it, or did not. On hardware an INIT to the boot CPU resets the
 * machine; QEMU starts the vCPU again. Under TCG only: QEMU's log of resets shows it.
 */
export const captureInits = {
  name: 'INITs of the capture kernel',
  capture: asking(
    z.strictObject({
      inits: z
        .strictObject({ has: vcpus.optional(), lacks: vcpus.optional() })
        .refine(({ has, lacks }) => (has ?? lacks) !== undefined, 'must say one of has, lacks'),
    }),
    ({ inits: { has = [], lacks = [] } }, { inits }: CaptureWitness): Judged => ({
      what: [
        ...(has.length === 0 ? [] : [`INITs went to vCPU ${has.join(', ')}`]),
        ...(lacks.length === 0 ? [] : [`INITs did not go to vCPU ${lacks.join(', ')}`]),
      ].join(' and '),
      proved:
        inits !== undefined &&
        has.every((vcpu) => inits.includes(vcpu)) &&
        !lacks.some((vcpu) => inits.includes(vcpu)),
      saw:
        inits === undefined
          ? 'no log of resets, which TCG has'
          : inits.length === 0
            ? 'INITs to none'
            : `INITs to vCPU ${inits.join(', ')}`,
    }),
  ),
};

function oneOf(what: string, wanted: readonly string[], saw: string | undefined): Judged {
  return {
    what: `${what} is ${wanted.join(' or ')}`,
    proved: saw !== undefined && wanted.includes(saw),
    saw: saw === undefined || saw === '' ? 'none reported' : saw,
  };
}
