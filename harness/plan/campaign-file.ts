import { z } from 'zod';
import { VoidOkSchema } from '../model/cell.js';
import { ArgumentSchema, AlternativeSchema } from '../model/expectation.js';
import { LOAD_SYSCALLS, REPACKS } from './guest-defaults.js';
import { NAME } from './scenario.js';
import { BOTH_GIVEN, isWholeOrMore } from './whole-command-line.js';
import { isAboutKernel, VERDICT_WORDS, VERDICTS } from '../model/verdict.js';

/** A file names at most this many kernels and rows: a larger table is not readable. */
const MOST_KERNELS = 16;
const MOST_ROWS = 256;

const name = z.string().regex(NAME, 'must be lower-case letters, digits and dashes');
const spec = z.string().min(1).max(4096);
const commandLine = z.string().max(1024);
const repeat = z.number().int().min(1).max(10_000);

/** A kernel spec, or one with the capture kernel and the command lines that belong to it. */
const KernelEntry = z.union([
  spec,
  z
    .strictObject({
      spec,
      captureKernel: spec.optional(),
      append: commandLine.optional(),
      captureAppend: commandLine.optional(),
      captureCmdline: z.string().max(2048).optional(),
      loadSyscall: z.enum(LOAD_SYSCALLS).optional(),
    })
    .refine(isWholeOrMore, BOTH_GIVEN),
]);

const verdict = z
  .enum(VERDICT_WORDS)
  .refine(isAboutKernel, 'says nothing about a kernel; for an expected void write voidOk');

const VoidOk = z.union([ArgumentSchema.transform((reason) => ({ reason })), VoidOkSchema]);

/** One verdict that a cell accepts. */
const Accepted = AlternativeSchema.extend({ verdict });

/**
 * A file's expectation of a cell: a verdict, any of several, or only an argument for the scenario's own expectation.
 */
const CellEntry = z
  .strictObject({
    ...Accepted.partial().shape,
    anyOf: z
      .array(Accepted.required({ why: true }))
      .min(2)
      .max(8)
      .optional(),
    voidOk: VoidOk.optional(),
  })
  .superRefine((entry, context) => {
    const { verdict: word, anyOf, quality, degradedBy, detail } = entry;
    const refuse = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (word !== undefined && anyOf !== undefined) refuse('anyOf', 'replaces verdict; drop one of them');
    if (anyOf !== undefined && entry.why !== undefined)
      refuse('why', 'belongs to each verdict of anyOf; drop it');
    if (word === undefined) {
      for (const [key, value] of Object.entries({ quality, degradedBy, detail })) {
        if (value !== undefined) refuse(key, 'belongs to a verdict; give one beside it');
      }
    }
    for (const [index, one] of (anyOf ?? [entry]).entries()) {
      const wrong = contradictionIn(one);
      if (wrong === undefined) continue;
      const path = anyOf === undefined ? [wrong.key] : ['anyOf', index, wrong.key];
      context.addIssue({ code: 'custom', path, message: wrong.message });
    }
  });

type Accepted = { [Key in keyof z.infer<typeof Accepted>]?: z.infer<typeof Accepted>[Key] | undefined };

function contradictionIn({ verdict: word, quality, degradedBy }: Accepted) {
  if (word === undefined || VERDICTS[word].hasQuality) {
    return quality === 'clean' && degradedBy !== undefined
      ? { key: 'degradedBy', message: 'contradicts quality: clean' }
      : undefined;
  }
  if (quality !== undefined) return { key: 'quality', message: 'belongs to the verdict "captured" only' };
  return degradedBy === undefined
    ? undefined
    : { key: 'degradedBy', message: 'belongs to the verdict "captured" only' };
}

/** A row of the table: a scenario, by name or by a path relative to the file. */
const Row = z.union([
  z.string().min(1).max(4096),
  z.strictObject({
    name: z.string().min(1).max(4096),
    repeat: repeat.optional(),
    /** Only these kernels; absent: all of them. */
    kernels: z.array(name).min(1).max(MOST_KERNELS).optional(),
    /** What the row is about. */
    why: ArgumentSchema.optional(),
    /** By kernel. */
    expect: z.record(name, CellEntry).optional(),
    /** For all cells of the row without one of their own. */
    voidOk: VoidOk.optional(),
  }),
]);

/** A campaign file (docs/campaigns.md): kernels across, scenarios down, an expectation in each cell. */
export const CampaignFileSchema = z.strictObject({
  version: z.literal(1),
  /** Becomes part of the campaign directory's name. */
  name,
  summary: ArgumentSchema,
  /** Columns by name, in their order. */
  kernels: z
    .record(name, KernelEntry)
    .refine((kernels) => Object.keys(kernels).length > 0, 'name at least one kernel')
    .refine((kernels) => Object.keys(kernels).length <= MOST_KERNELS, `name at most ${MOST_KERNELS} kernels`),
  scenarios: z.array(Row).min(1).max(MOST_ROWS),
  /** Runs of each cell. */
  repeat: repeat.default(1),
  /** Which kernels are repacked, so that they decompress fast; absent: none. */
  repack: z.enum(REPACKS).optional(),
  /** Guests at a time; `auto`: as many as the host has room for, measured. */
  jobs: z.union([z.number().int().min(1).max(256), z.literal('auto')]).optional(),
  /** False: each run boots its guest; absent: most begin as clones. */
  clone: z.boolean().optional(),
  /** A cell has enough runs when so many of them hung; `repeat` is the most. */
  untilHang: z.number().int().min(1).max(1_000).optional(),
});

export type CampaignFile = z.infer<typeof CampaignFileSchema>;
export type CampaignRow = Exclude<CampaignFile['scenarios'][number], string>;
export type CampaignKernel = Exclude<CampaignFile['kernels'][string], string>;
export type CellEntry = z.infer<typeof CellEntry>;
