import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { usageFault } from '../model/fault.js';
import { VERDICT_WORDS } from '../model/verdict.js';
import { VMCORE_READS } from '../plan/guest-defaults.js';
import { readYaml } from '../plan/read-yaml.js';
import { NAME, ScenarioSchema } from '../plan/scenario.js';

/** `crash-path-hang`, `crash-path-hang/spin`, `captured clean`. */
const EXPECTATION = /^([a-z-]+)(?:\/([a-z][a-z0-9-]*)| (clean|degraded))?$/;

/** A verdict that is right for a row. */
export interface Expectation {
  readonly word: (typeof VERDICT_WORDS)[number];
  /** Any detail when absent. */
  readonly detail?: string | undefined;
  /** Any quality when absent. */
  readonly quality?: 'clean' | 'degraded' | undefined;
}

const ExpectationSchema = z.string().transform((text, context): Expectation => {
  const [, word, detail, quality] = EXPECTATION.exec(text) ?? [];
  const known = VERDICT_WORDS.find((candidate) => candidate === word);
  if (known === undefined || (quality !== undefined && known !== 'captured')) {
    context.addIssue(`"${text}" is not WORD, WORD/DETAIL, "captured clean" or "captured degraded"`);
    return z.NEVER;
  }
  return {
    word: known,
    detail,
    quality: quality === 'clean' || quality === 'degraded' ? quality : undefined,
  };
});

const seed = z.string().regex(/^[a-z0-9-]{1,31}(:\d{1,6})?$/, 'must be NAME or NAME:NUMBER');
const text = z.string().min(1).max(400);

const RowSchema = z
  .strictObject({
    name: z.string().regex(NAME),
    /** Letters of the kinds of wrong verdicts that the row is an example of (docs/zoo.md). */
    kinds: z.array(z.string().regex(/^[A-N]$/)).min(1),
    /** `cpseed=` of the first kernel. */
    seed: seed.optional(),
    /** `cpseed=` of the capture kernel. */
    captureSeed: seed.optional(),
    scenario: z.string().default('sysrq-task'),
    /** A kernel spec; the seeded kernel when absent. */
    kernel: z.string().optional(),
    captureKernel: z.string().optional(),
    /** Done in the guest after the scenario's own preparations. */
    prepare: ScenarioSchema.shape.prepare,
    /** As the options of `crashpath run`. */
    options: z
      .strictObject({
        append: z.string().optional(),
        captureAppend: z.string().optional(),
        cpus: z.number().int().optional(),
        /** MiB. */
        memory: z.number().int().optional(),
        crashkernel: z.string().optional(),
        vmcore: z.enum(VMCORE_READS).optional(),
      })
      .default({}),
    expect: z.array(ExpectationSchema).min(1),
    /** The verdict must rest on a proof, not on a deadline. */
    proved: z.boolean().default(false),
    /** A regular expression that the explanation or the evidence must match: the place or the cause. */
    names: z.string().optional(),
    /** Alive all the time. */
    slow: z.boolean().default(false),
    truth: text,
    /** The commit, report or kernel source that it is like. */
    imitates: text,
  })
  .refine((row) => row.kernel === undefined || (row.seed ?? row.captureSeed) === undefined, {
    message: 'a row with a kernel of its own has no seed',
  });

const ZooSchema = z.strictObject({ version: z.literal(1), rows: z.array(RowSchema) });

/** A setup whose truth is known. */
export type ZooRow = z.infer<typeof RowSchema>;

/** Reads the zoo, images/zoo.yaml below the package's root. Throws a usage fault that names the mistake. */
export async function readZoo(packageRoot: string): Promise<ZooRow[]> {
  const path = join(packageRoot, 'images', 'zoo.yaml');
  return parseZoo(await readFile(path, 'utf8'), path);
}

/** The rows of a zoo file. Throws a usage fault for a mistake in it. Pure. */
export function parseZoo(content: string, path: string): ZooRow[] {
  const form = { what: 'zoo', schema: ZooSchema, seeAlso: 'docs/zoo.md' };
  const { rows } = readYaml(content, path, form).value;
  const names = rows.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw usageFault(`cannot read zoo "${path}": two rows are called "${twice}"; rename one`);
  return rows;
}
