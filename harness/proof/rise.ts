import { z } from 'zod';
import { interruptsOf } from '../timeline/proc-interrupts.js';
import { asking, type Judged, type OpenQuestion } from './proof.js';
import type { GuestWitness } from './witness.js';

/** Interval between two readings of a row that is to rise. */
const LOOK_EVERY_MS = 250;
const SCRIPT = 'cat /proc/interrupts';

const Schema = z.strictObject({
  interrupts: z.strictObject({
    /** A row's number or name, or the device that has it. */
    row: z.string().regex(/^\w[\w.:-]{0,63}$/, 'must be a row or device of /proc/interrupts'),
    risesBy: z.number().int().min(1),
    withinMs: z.number().int().min(100).max(120_000).optional(),
  }),
});
type Asked = z.infer<typeof Schema>;

/**
 * `interrupts: { row: ttyS0, risesBy: 10 }`: a row of /proc/interrupts, summed over CPUs. With `withinMs` it must rise
 * within that time before firing, without, until after the watch.
 */
export const rise = {
  name: 'interrupts',
  beforeFiring: asking(Schema, watchRow, statement),
};

async function watchRow(asked: Asked, witness: GuestWitness): Promise<Judged | OpenQuestion> {
  const { row, risesBy, withinMs } = asked.interrupts;
  const count = async () =>
    interruptsOf(row, (await witness.script(SCRIPT, 'reading /proc/interrupts')).output);
  const before = await count();
  if (withinMs === undefined) {
    return {
      async lookAgain() {
        const reply = await witness.tryScript(SCRIPT);
        const after = reply === undefined ? undefined : interruptsOf(row, reply.output);
        return judge(asked, riseFrom(before, after));
      },
    };
  }
  const { clock } = witness;
  const untilMs = clock.nowMs() + withinMs;
  let risen = riseFrom(before, before);
  while (risen !== undefined && risen < risesBy && clock.nowMs() < untilMs) {
    await clock.sleep(LOOK_EVERY_MS);
    risen = riseFrom(before, await count());
  }
  return judge(asked, risen);
}

function riseFrom(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before;
}

function judge(asked: Asked, risen: number | undefined): Judged {
  return {
    what: statement(asked),
    proved: risen !== undefined && risen >= asked.interrupts.risesBy,
    saw: risen === undefined ? 'no such row, or no answer' : `rose by ${risen}`,
  };
}

function statement({ interrupts: { row, risesBy, withinMs } }: Asked): string {
  return `/proc/interrupts ${row} rises by ${risesBy}${withinMs === undefined ? '' : ' before firing'}`;
}
