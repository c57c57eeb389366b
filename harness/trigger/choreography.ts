import { z } from 'zod';
import { ChoreographySchema } from './choreography-steps.js';
import { contradictionIn } from './check-choreography.js';
import type { Directed } from './trigger.js';

const DirectedSchema = z.strictObject({ kind: z.literal('choreography'), steps: ChoreographySchema });

/**
 * A directed crash: vCPUs are held, run, inspected and directed into panic() (docs/choreography.md). choreo/ interprets
 * the steps through a debugger; an `interrupt` step goes through qtest.
 */
export const choreography: Directed<typeof DirectedSchema> = {
  schema: DirectedSchema,
  context: 'the context in which its steps make the vCPU panic',
  needsOf: ({ steps }) =>
    steps.some((step) => 'interrupt' in step) ? ['debugger', 'interrupts'] : ['debugger'],
  contradiction({ steps }, { cpus }) {
    const mistake = contradictionIn(steps, cpus);
    return mistake === undefined
      ? undefined
      : {
          what: 'its steps contradict themselves',
          why: mistake,
          remedy: 'see docs/choreography-reference.md',
          subject: 'its steps',
        };
  },
};
