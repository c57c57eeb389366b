import { z } from 'zod';
import { LKDTM_PROOF, offerInWords, parseOffer } from './lkdtm-offer.js';
import { backgroundScript, mistakeInScript, requireParsed, STIMULUS } from './guest-script.js';
import { firing } from './trigger.js';

const DIRECTORY = '/sys/kernel/debug/provoke-crash';

/** As lkdtm spells its crash points and types. */
const lkdtmName = z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/, 'must be a name such as INT_HW_IRQ_EN');

const LkdtmSchema = z.strictObject({
  kind: z.literal('lkdtm'),
  point: lkdtmName,
  type: lkdtmName,
  /** Shell text that makes the guest hit the crash point; runs in the background. */
  stimulus: z.string().min(1).max(4096).optional(),
});

/**
 * Arms one of lkdtm's crash points (drivers/misc/lkdtm/core.c, v6.1): a write to its file in debugfs registers a kprobe
 * that counts its hits down from cpoint_count (10) and then crashes as `type` says, in the context of the crash point;
 * DIRECT crashes at once, in the writing task. A kernel that does not offer the point or type, or whose kprobe cannot
 * be registered (INT_HARDWARE_ENTRY names do_IRQ, which x86 has not had since 5.8), makes the run void with lkdtm's own
 * line. That the point was hit is proved by its lines on the console afterwards (proof/crash-point.ts).
 */
export const lkdtm = firing({
  schema: LkdtmSchema,
  context: 'the context in which the crash point is hit for the tenth time (DIRECT: task context)',
  needs: [],
  proves: () => ['the crash point was hit to the end of its count'],
  contradiction({ stimulus }) {
    const mistake = stimulus === undefined ? undefined : mistakeInScript(stimulus);
    return mistake === undefined
      ? undefined
      : { why: `its trigger's stimulus ${mistake}`, remedy: 'complete it or drop it', subject: 'it' };
  },
  arm: async (spec, target) => {
    const { point, type } = spec;
    const listed = await target.runScript(
      `cd ${DIRECTORY} && ls && cat DIRECT`,
      "listing what the kernel's lkdtm offers",
    );
    const offer = listed.status === 0 ? parseOffer(listed.output) : undefined;
    target.require({
      what: LKDTM_PROOF,
      proved: offer !== undefined,
      saw:
        offer === undefined
          ? `no ${DIRECTORY}: built without CONFIG_LKDTM (Debian's are), or its module is not loaded`
          : offerInWords(offer),
    });
    target.require({
      what: `lkdtm offers the crash point ${point} and the type ${type}`,
      proved: offer?.points.includes(point) === true && offer.types.includes(type),
      saw: offer?.points.includes(point) === true ? 'the point is there' : 'the point is not there',
    });
    if (spec.stimulus !== undefined) await requireParsed(spec.stimulus, STIMULUS, target);
    return async () => {
      const end = await target.fireScriptToEnd(crashScript(spec));
      target.fact({ fact: 'fired', how: `lkdtm ${point} ${type}` });
      if (end === undefined) return;
      target.require({
        what: `the crash point ${point} is registered`,
        proved: end.status === 0,
        saw: end.output.trim().replace(/\s+/g, ' ').slice(0, 300) || `write ended with status ${end.status}`,
      });
    };
  },
});

/** Writes the type; prints lkdtm's last line when that fails, and the registered kprobes when it succeeds. */
function crashScript({ point, type, stimulus }: z.infer<typeof LkdtmSchema>): string {
  return [
    `echo ${type} >${DIRECTORY}/${point} || { dmesg | grep lkdtm: | tail -n 1; exit 1; }`,
    'cat /sys/kernel/debug/kprobes/list 2>/dev/null',
    ...(stimulus === undefined ? [] : [backgroundScript(stimulus)]),
    'exit 0',
  ].join('\n');
}
