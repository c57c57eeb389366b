import { z } from 'zod';

/**
 * What a KCIDB submission may hold (kernelci/kcidb-io, kcidb_io/schema/v05_03.py): identifiers begin with the name of the
 * system that submits, unknown keys and nulls are refused, text holds no NUL. Only what crashpath writes is described.
 */

/** A submitting system's name. */
export const ORIGIN = /^[a-z0-9_]+$/;

/** Longest excerpt of a log, characters. */
export const LOG_EXCERPT = 16_384;

const origin = z.string().regex(ORIGIN);
// Python's `.` matches no line feed.
const id = z.string().regex(/^[a-z0-9_]+:.*$/);
// eslint-disable-next-line no-control-regex -- NUL is the point
const text = z.string().regex(/^[^\0]*$/);
const misc = z.record(z.string(), z.json()).refine((value) => !hasNull(value), 'must hold no null');

const CheckoutSchema = z.strictObject({
  id,
  origin,
  git_commit_hash: z
    .string()
    .regex(/^[0-9a-f]{40}$/)
    .optional(),
  comment: text.optional(),
  misc: misc.optional(),
});

const BuildSchema = z.strictObject({
  id,
  origin,
  checkout_id: id,
  comment: text.optional(),
  architecture: z.string().regex(/^[a-z0-9_]*$/),
  misc: misc.optional(),
});

const TestSchema = z.strictObject({
  id,
  origin,
  build_id: id,
  /** Dots separate the levels of the tree of tests. */
  path: z.string().regex(/^([a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*)?$/),
  comment: text.optional(),
  log_excerpt: text.max(LOG_EXCERPT).optional(),
  status: z.enum(['FAIL', 'ERROR', 'MISS', 'PASS', 'DONE', 'SKIP']),
  duration: z.number().optional(),
  environment: z.strictObject({ comment: text.optional(), misc: misc.optional() }).optional(),
  misc: misc.optional(),
});

/** A submission of version 5.3 as crashpath makes it; whatever it accepts, the published schema accepts. */
export const KcidbSchema = z.strictObject({
  version: z.strictObject({ major: z.literal(5), minor: z.literal(3) }),
  checkouts: z.array(CheckoutSchema),
  builds: z.array(BuildSchema),
  tests: z.array(TestSchema),
});

export type KcidbReport = z.infer<typeof KcidbSchema>;
export type KcidbTest = z.infer<typeof TestSchema>;

function hasNull(value: unknown): boolean {
  if (value === null) return true;
  return typeof value === 'object' && Object.values(value).some(hasNull);
}
