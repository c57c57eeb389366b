import { z } from 'zod';
import { escapeGuestText } from '../model/escape.js';
import { PHASES } from '../model/phase.js';
import type { DiffLine, RunDiff } from './run-diff.js';

const count = z.number().int().nonnegative();

/** A value; null where that run has none. */
const DifferingSchema = z.strictObject({
  name: z.string(),
  left: z.string().nullable(),
  right: z.string().nullable(),
});
/** The text is escaped, as in evidence: never raw bytes of the guest. */
const LineSchema = z.strictObject({ number: count, text: z.string() });

/** What `crashpath diff --json` prints. */
export const RunDiffSchema = z.strictObject({
  schema: z.literal(1),
  kind: z.literal('run-diff'),
  left: z.string(),
  right: z.string(),
  same: z.boolean(),
  plan: z.array(DifferingSchema),
  verdict: z.array(DifferingSchema),
  phases: z.array(
    z.strictObject({
      phase: z.enum(PHASES),
      leftMs: z.number().nullable(),
      rightMs: z.number().nullable(),
      differs: z.boolean(),
    }),
  ),
  console: z.strictObject({
    leftLines: count,
    rightLines: count,
    moved: count,
    incidental: count,
    isSummary: z.boolean(),
    /** Lines behind those that are shown. */
    unshown: z.strictObject({ left: count, right: count, differ: z.boolean() }),
    hunks: z.array(z.strictObject({ left: z.array(LineSchema), right: z.array(LineSchema) })),
  }),
  state: z.array(DifferingSchema),
});

/** Lays a difference out as the printed object; `left` and `right` are the directories. Pure. */
export function runDiffObject(
  diff: RunDiff,
  { left, right }: { readonly left: string; readonly right: string },
): z.infer<typeof RunDiffSchema> {
  const differing = (facets: RunDiff['plan']) =>
    facets.map((one) => ({ name: one.name, left: one.left ?? null, right: one.right ?? null }));
  const { hunks, ...console } = diff.console;
  return {
    schema: 1,
    kind: 'run-diff',
    left,
    right,
    same: diff.same,
    plan: differing(diff.plan),
    verdict: differing(diff.verdict),
    phases: diff.phases.map(({ phase, leftMs, rightMs, differs }) => ({
      phase,
      leftMs: leftMs ?? null,
      rightMs: rightMs ?? null,
      differs,
    })),
    console: {
      ...console,
      hunks: hunks.map((hunk) => ({ left: hunk.left.map(lineObject), right: hunk.right.map(lineObject) })),
    },
    state: differing(diff.state),
  };
}

function lineObject({ number, text }: DiffLine): z.infer<typeof LineSchema> {
  return { number, text: escapeGuestText(text, LINE_CHARACTERS) };
}

const LINE_CHARACTERS = 2_000;
