import { z } from 'zod';
import { mistakeInScript, requireParsed, shellRunning } from './guest-script.js';
import { firing, lacksCpu } from './trigger.js';

const SUBJECT = "the trigger's script";
/** Of the script, in the fact that it was run. */
const QUOTED_CHARACTERS = 160;

/**
 * A shell script in which the guest is expected to die: a reproducer. Anything may kill a guest, so the scenario must
 * say which panic is expected (`prove: panic`), unless it expects none. A script that ends with a status other than 0
 * while the guest lives did not do what it was written for: void, with its output.
 */
export const script = firing({
  schema: z.strictObject({
    kind: z.literal('script'),
    /** Text for busybox sh. */
    run: z.string().min(1).max(4096),
    /** vCPU on which it runs; absent: wherever the agent does. */
    cpu: z.number().int().min(0).max(255).optional(),
  }),
  context: 'whatever the script leads to; the panic proves it',
  needs: [],
  proves: () => ['the script did not fail'],
  contradiction({ run, cpu }, { cpus, prove, expect }) {
    const mistake = mistakeInScript(run);
    if (mistake !== undefined) {
      return { why: `${SUBJECT} ${mistake}`, remedy: 'complete it', subject: 'it' };
    }
    const absent = cpu === undefined ? undefined : lacksCpu('its script is to run on', cpu, cpus);
    if (absent !== undefined) return absent;
    if (expect.verdict === 'no-panic' || prove.some((proof) => 'panic' in proof)) return undefined;
    return {
      why: 'a script may make the guest panic in many ways, and nothing says which one is meant',
      remedy: 'add to prove: - panic: { says: TEXT } or { stackHas: FUNCTION }',
      subject: 'its proofs',
    };
  },
  arm: async ({ run, cpu }, target) => {
    await requireParsed(run, SUBJECT, target);
    return async () => {
      const quoted = run.trim().replaceAll(/\s+/g, ' ').slice(0, QUOTED_CHARACTERS);
      const where = cpu === undefined ? '' : ` on cpu ${cpu}`;
      target.fact({ fact: 'fired', how: `script${where}: ${quoted}` });
      const end = await target.fireScriptToEnd(shellRunning(run, { cpu }));
      if (end === undefined) return;
      const said = end.output.trim().replaceAll(/\s+/g, ' ').slice(-200);
      target.require({
        what: 'the script did not fail',
        proved: end.status === 0,
        saw: `status ${end.status}${said === '' ? '' : `: ${said}`}`,
      });
    };
  },
});
