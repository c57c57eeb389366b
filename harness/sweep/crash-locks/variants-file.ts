import { z } from 'zod';
import { ArgumentSchema } from '../../model/expectation.js';
import { LOAD_SYSCALLS, type LoadSyscall } from '../../plan/guest-defaults.js';
import { jsonSchemaOf, readYaml } from '../../plan/read-yaml.js';
import { BOTH_GIVEN, isWholeOrMore } from '../../plan/whole-command-line.js';
import { NAME } from '../../plan/scenario.js';
import { CONTEXTS, DEFAULT_CONTEXT, MOST_CPUS } from './contexts.js';
import type { Setting } from './script.js';

/** A table with more columns is not readable. */
const MOST_VARIANTS = 16;

const commandLine = z.string().max(1024);
const EMPTY = 'it is empty; write {} for a variant with the defaults';
const Variant = z
  .strictObject(
    {
      context: z.enum(CONTEXTS).default(DEFAULT_CONTEXT).describe('Context in which the CPU panics'),
      cpus: z.number().int().min(1).max(MOST_CPUS).default(2).describe('Number of vCPUs'),
      pstore: z.boolean().optional().describe('Whether pstore keeps the log of the panic (ramoops)'),
      append: commandLine.optional().describe("Appended to the first kernel's command line"),
      captureAppend: commandLine.optional().describe("Appended to the capture kernel's command line"),
      captureCmdline: z.string().max(2048).optional().describe("The capture kernel's whole command line"),
      loadSyscall: z.enum(LOAD_SYSCALLS).optional().describe('How the crash kernel is loaded'),
    },
    { error: ({ code, input }) => (code === 'invalid_type' && input === null ? EMPTY : undefined) },
  )
  .refine(isWholeOrMore, BOTH_GIVEN);
const name = z
  .string()
  .regex(NAME, 'must be lower-case letters, digits and dashes, 63 at most, a letter or digit first');

const VariantsFileSchema = z.strictObject({
  version: z.literal(1),
  sweep: z.literal('crash-locks').describe('The sweep that is repeated'),
  summary: ArgumentSchema,
  variants: z
    .record(name, Variant)
    .refine((variants) => Object.keys(variants).length > 0, 'name at least one variant')
    .refine(
      (variants) => Object.keys(variants).length <= MOST_VARIANTS,
      `name at most ${MOST_VARIANTS} variants`,
    )
    .describe('Crash paths by name, each of which gets a map of its own: the columns of the table'),
});

/** A crash path of a kernel: one map. */
export interface Variant extends Setting {
  readonly name: string;
  readonly append: string | undefined;
  readonly captureAppend: string | undefined;
  readonly captureCmdline?: string | undefined;
  readonly loadSyscall?: LoadSyscall | undefined;
}

/** Variants of the crash path, for one table (docs/crash-locks.md). */
export interface VariantsFile {
  readonly summary: string;
  /** In the order of the file. */
  readonly variants: readonly Variant[];
}

/** Reads a file of variants. Throws a usage fault that names file, line and column. Pure. */
export function readVariants(text: string, file: string): VariantsFile {
  const { value, refuse } = readYaml(text, file, {
    what: 'variants file',
    schema: VariantsFileSchema,
    seeAlso: 'docs/crash-locks.md',
    all: true,
  });
  const variants = Object.entries(value.variants).map(
    ([name, { pstore, append, captureAppend, ...given }]): Variant => ({
      ...{ name, append, captureAppend, ...given },
      ...(pstore === true ? { pstore } : {}),
    }),
  );
  const keyOf = ({ context, cpus, pstore = false, append, captureAppend, ...rest }: Variant) => {
    const { captureCmdline, loadSyscall = LOAD_SYSCALLS[0] } = rest;
    return JSON.stringify([context, cpus, pstore, append, captureAppend, captureCmdline, loadSyscall]);
  };
  for (const [index, variant] of variants.entries()) {
    const same = variants.slice(0, index).find((other) => keyOf(other) === keyOf(variant));
    if (same === undefined) continue;
    throw refuse(['variants', variant.name], `it is the same crash path as "${same.name}"; drop one of them`);
  }
  return { summary: value.summary, variants };
}

/** The JSON Schema of such files, for editors. */
export function variantsFileJsonSchema(): object {
  return jsonSchemaOf(VariantsFileSchema, {
    title: 'crashpath sweep --variants',
    description: 'Variants of the crash path, for crashpath sweep crash-locks (docs/crash-locks.md)',
  });
}
