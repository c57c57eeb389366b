import { z } from 'zod';
import { BOTH_GIVEN, isWholeOrMore } from '../plan/whole-command-line.js';
import { mistakeInCrashkernel } from '../plan/crashkernel.js';
import { GUEST_LIMITS, KEEP_VMCORE, LOAD_SYSCALLS, REPACKS, VMCORE_READS } from '../plan/guest-defaults.js';
import { jsonSchemaOf } from '../plan/read-yaml.js';
import { NAME } from '../plan/scenario.js';

/** Bounds of what a file may ask for. */
const MOST_SOURCES = 16;
const MOST_SCENARIOS = 256;
const MOST_MACHINES = 64;

const name = z.string().regex(NAME, 'must be lower-case letters, digits and dashes');
const line = z.string().regex(/^[^\p{Cc}]*$/u, 'must be one line');
const spec = line.min(1).max(4096);
const path = line.min(1).max(4096);
const commandLine = line.max(1024);

/** `6h`, `90m`, `1h30m`, `45s`. */
export const DURATION = /^(?=\d)(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,6})s)?$/;

const TIME = 'must be a time above 0 such as 6h, 90m or 1h30m';
const duration = z.string(TIME).regex(DURATION, TIME).regex(/[1-9]/, TIME);

const sourceName = {
  /** The column in tables and in the history; absent: made of the source. */
  name: name.optional(),
};

/** Where kernels come from. */
const KernelSource = z.union([
  z
    .strictObject({
      ...sourceName,
      directory: path.describe(
        'Directory where builds land: kernel images, packages, or a directory for each build',
      ),
      newest: z.number().int().min(1).max(64).default(1).describe('Take so many of the newest builds'),
      pattern: line
        .min(1)
        .max(256)
        .default('*')
        .describe('Names of builds; * stands for any characters, ? for one'),
    })
    .describe('Builds that land in a directory'),
  z
    .strictObject({
      ...sourceName,
      git: path.describe('A git work tree or repository of the kernel on this host'),
      ref: line.min(1).max(256).describe('What is built: a branch, a tag, a commit'),
      variant: line
        .min(1)
        .max(4096)
        .default('stock')
        .describe('A variant of crashpath kernel variants, or a patch'),
      config: path.optional().describe("Configuration fragment, merged into crashpath's own"),
    })
    .describe('A kernel that is built from git'),
  z
    .strictObject({
      ...sourceName,
      debian: line
        .min(1)
        .max(256)
        .describe('SUITE/SERIES, such as sid/6.12, or a series of the configured suites'),
    })
    .describe('The newest Debian kernel of a series'),
  z
    .strictObject({ ...sourceName, spec: spec.describe('A kernel, as for crashpath run --kernel') })
    .describe('One kernel'),
]);

const scenarios = z.array(path).min(1).max(MOST_SCENARIOS);
const machines = z.array(path).min(1).max(MOST_MACHINES);
const { cpus, memoryMiB } = GUEST_LIMITS;

/** What every build must stand: scenarios, machines, and what is said to the guests. */
const Campaign = z
  .strictObject({
    scenarios: scenarios.describe('Names of crashpath list, or .yaml files, relative to this file'),
    machines: machines.optional().describe("Machine profiles; absent: each scenario's own"),
    repeat: z
      .number()
      .int()
      .min(1)
      .max(1000)
      .default(5)
      .describe('Trials of each cell before anything is repeated'),
    captureKernel: spec.optional().describe('One capture kernel for all; absent: each kernel is its own'),
    append: commandLine.optional(),
    captureAppend: commandLine.optional(),
    captureCmdline: line.max(2048).optional().describe("The capture kernel's whole command line"),
    loadSyscall: z.enum(LOAD_SYSCALLS).optional().describe('How the crash kernel is loaded'),
    crashkernel: line
      .max(256)
      .superRefine((value, context) => {
        const mistake = mistakeInCrashkernel(value);
        if (mistake !== undefined) context.addIssue({ code: 'custom', message: mistake });
      })
      .optional(),
    cpus: z.number().int().min(cpus.least).max(cpus.most).optional(),
    memory: z.number().int().min(memoryMiB.least).max(memoryMiB.most).optional().describe('MiB'),
  })
  .refine(isWholeOrMore, BOTH_GIVEN);

/** One control: a scenario on a kernel whose end is known. `false` leaves it out. */
const Control = z.union([
  z.literal(false, 'must be false, or a mapping with kernel and scenario'),
  z.strictObject({
    kernel: spec.optional().describe('A kernel whose end in the scenario is known'),
    scenario: path.optional(),
  }),
]);

const program = z.array(line.min(1).max(4096)).min(1).max(64);

/** A night (docs/nightly.md): kernels that come in, what they must stand, and what they are compared with. */
export const NightFileSchema = z.strictObject({
  version: z.literal(1),
  name: name.describe('Nights of one name are compared with each other'),
  kernels: z.array(KernelSource).min(1).max(MOST_SOURCES).describe('Where kernels under test come from'),
  baselines: z
    .strictObject({
      kernel: spec.optional().describe('A kernel that every build is compared with'),
      lastGoodNight: z
        .boolean()
        .default(true)
        .describe('Compare with the build of the last good night as well'),
    })
    .default({ lastGoodNight: true }),
  campaign: z.union([path.describe('A campaign file: its scenarios and repeats'), Campaign]),
  budget: duration.describe('No run begins later than this after the start of the night, such as 6h'),
  confirm: z
    .number()
    .int()
    .min(5)
    .max(1000)
    .default(40)
    .describe('Most trials of each kernel that confirm or refute one suspicion'),
  controls: z
    .strictObject({
      mustHang: Control.optional(),
      mustCapture: Control.optional(),
      mustNotCrash: Control.optional(),
    })
    .default({}),
  keep: z
    .strictObject({
      nights: z.number().int().min(1).max(10_000).default(30),
      failed: z
        .number()
        .int()
        .min(1)
        .max(10_000)
        .optional()
        .describe('Nights with regressions, or with failed runs; absent: three times as many'),
    })
    .refine(({ nights, failed }) => failed === undefined || failed >= nights, {
      path: ['failed'],
      message: 'must be at least nights: those stay in any case',
    })
    .default({ nights: 30 }),
  hosts: z.array(line.min(1).max(300)).min(1).max(64).optional(),
  accel: z.enum(['auto', 'kvm', 'kvm-unproved', 'tcg']).default('auto'),
  timeoutScale: z.number().min(0.1).max(100).optional(),
  vmcore: z.enum(VMCORE_READS).optional(),
  repack: z.enum(REPACKS).optional().describe('Kernels that are repacked to decompress fast'),
  keepVmcore: z
    .enum(KEEP_VMCORE)
    .optional()
    .describe('Keep dumps of failed runs, or of all; they are removed with their night'),
  jobs: z.number().int().min(1).max(256).optional(),
  clone: z
    .boolean()
    .default(true)
    .describe('Begin most runs of a guest as clones of one that has booted; false: each run boots'),
  hooks: z
    .strictObject({
      mail: program.optional().describe('Program with arguments that sends a mail: the message is its input'),
      command: program.optional().describe('Program with arguments: the summary as Markdown is its input'),
    })
    .default({}),
});

export type NightFile = z.infer<typeof NightFileSchema>;
export type NightSource = NightFile['kernels'][number];
export type InlineCampaign = Exclude<NightFile['campaign'], string>;
export type ControlEntry = z.infer<typeof Control>;

/** Milliseconds of a time such as `1h30m`. */
export function durationMs(text: string): number {
  const [, hours = '0', minutes = '0', seconds = '0'] = DURATION.exec(text) ?? [];
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

/** The JSON Schema of a night's file, for editors. */
export function nightFileJsonSchema(): object {
  return jsonSchemaOf(NightFileSchema, {
    title: 'crashpath nightly',
    description: 'A file of crashpath nightly (docs/nightly.md)',
  });
}
