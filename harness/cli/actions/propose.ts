import { join, relative } from 'node:path';
import { lstat, writeFile } from 'node:fs/promises';
import { writeWhole } from '../../cache/write-whole.js';
import { errnoOf, messageOf, reasonFor } from '../../model/errno.js';
import { EXIT, harnessFault, usageFault } from '../../model/fault.js';
import { firstChoices } from '../../proposal/choices.js';
import { draftText } from '../../proposal/draft.js';
import type { Attempt } from '../../proposal/judge-try.js';
import { isRelation, type Relation, relationIn } from '../../proposal/relation.js';
import { readGiven } from '../../propose/read-given.js';
import type { KernelTries } from '../../propose/try-proposal.js';
import { noRelationText, relationObject, triesObject, triesText } from '../../report/proposal-text.js';
import { foldLine } from '../../model/escape.js';
import { writeText } from '../../store/stored-file.js';
import { complain, prepareOptions, say, wantsColor } from '../context.js';
import { cacheDirectory, outDirectory } from '../directories.js';
import { guestChoices } from '../words/guest-options.js';
import { DEFAULT_TIMEOUT, DEFAULT_TRIES, onlyForTrying, type ProposeArguments } from '../words/propose.js';
import { beginCampaign, freshCampaignName } from './campaigns.js';
import { templatesFor } from './clones.js';
import { interruptible } from './interruptible.js';

/** In the campaign's directory: the draft as it was first tried, and the scenario that hung. */
const FILES = { draft: 'draft.yaml', hung: 'proposed.yaml' } as const;

/** The modules that run guests, loaded late: a draft needs none. */
const running = async () => ({
  ...(await import('../../propose/bench.js')),
  ...(await import('../../propose/try-proposal.js')),
});

/** Proposes a scenario of the stacks that are named, and tries it with `--try`. Returns the exit code. */
export async function propose(argv: ProposeArguments): Promise<number> {
  requireSense(argv);
  const given = await readGiven(referenceIn(argv.stacks), {
    outDirectory: outDirectory(argv.out),
    stdin: process.stdin,
  });
  const found = relationIn(given.stacks, given.autopsy?.waits ?? []);
  if (!isRelation(found)) {
    if (argv.json)
      printJson({ schema: 1, origin: given.origin, relation: null, ...found, exitCode: EXIT.inconclusive });
    else complainLines(noRelationText(found));
    return EXIT.inconclusive;
  }
  const { origin } = given;
  if (argv.try) return tryOnKernels(found, { argv, origin });
  const scenario = draftText(found, firstChoices(found), { origin });
  if (argv.json) {
    if (argv.output !== undefined) await put(argv.output, scenario);
    printJson({ schema: 1, origin, relation: relationObject(found), scenario, exitCode: EXIT.expected });
  } else if (argv.output === undefined) process.stdout.write(scenario);
  else {
    await put(argv.output, scenario);
    for (const line of found.because) say(line);
    say(`draft: ${argv.output}`);
  }
  return EXIT.expected;
}

/** yargs 18 hands over a lone dash as the empty string, as it does an empty word: a terminal does not answer that. */
function referenceIn(stacks: string): string {
  if (stacks !== '') return stacks;
  if (!process.stdin.isTTY) return '-';
  throw usageFault(
    'cannot propose from "-": standard input is a terminal; pipe a text into it, or name a file',
  );
}

function requireSense(argv: ProposeArguments): void {
  if (argv.host.length > 0) {
    throw usageFault(
      `cannot propose with --host "${argv.host.join(' ')}": each run decides the next one, on this host; leave it out`,
    );
  }
  if (argv.jobs !== undefined && argv.jobs !== 1) {
    throw usageFault(
      `cannot propose with --jobs "${argv.jobs}": each run decides the next one; leave it out`,
    );
  }
  const idle = argv.try ? [] : onlyForTrying(argv);
  if (idle.length > 0) {
    throw usageFault(`cannot use ${idle.join(' ')} with "propose ${argv.stacks}": nothing is run; add --try`);
  }
  if (argv.try && argv.kernel.length === 0) {
    throw usageFault(
      `cannot try "${argv.stacks}": no kernel is given; give --kernel, e.g. --kernel debian:6.1`,
    );
  }
}

async function tryOnKernels(
  found: Relation,
  { argv, origin }: { argv: ProposeArguments; origin: string },
): Promise<number> {
  const { benchIn, planOne, scenarioOf, tryProposal } = await running();
  const name = argv.name ?? freshCampaignName(new Date(), 'propose');
  const draft = firstChoices(found);
  const choices = guestChoices(argv);
  const told = new Set<string>();
  // Every run is planned on its own, and would say the same again.
  const onProgress = (line: string) => {
    if (!told.has(line)) say(line);
    told.add(line);
  };
  const options = { ...prepareOptions(), onProgress };
  // A kernel that cannot be run is refused before a directory is made.
  const plan = async () => {
    for (const kernel of argv.kernel)
      await planOne(scenarioOf(found, draft, { origin }), kernel, { choices, options, campaign: name });
    return [];
  };
  for (const line of found.because) say(foldLine(line, 400));
  const { directory } = await beginCampaign({ name, out: argv.out, plan });
  await writeText(join(directory, FILES.draft), draftText(found, draft, { origin }));
  const stop = interruptible();
  const { signal } = stop;
  const templates = templatesFor(argv.clone, { directory, plans: 'unknown', signal });
  try {
    const began = performance.now();
    const limitMs = 1000 * (argv.timeout ?? DEFAULT_TIMEOUT);
    const kernels = await tryProposal(found, {
      ...{ origin, kernels: argv.kernel, tries: argv.tries ?? DEFAULT_TRIES },
      mayGoOn: () => performance.now() - began < limitMs,
      run: benchIn(directory, choices, { ...options, cacheDir: cacheDirectory(), signal, templates }),
      onTry: (kernel, variation) => say(`${kernel}: ${variation}`),
      onAttempt: (_, { result, reason }) =>
        say(`${result.runId}: ${result.verdict}, ${foldLine(reason, 300)}`),
    });
    const scenario = await keepScenario(found, kernels, { directory, argv, origin });
    const exitCode = stop.caught === undefined ? proposeExitCode(kernels) : 128 + stop.caught.number;
    if (argv.json) {
      const tried = { relation: relationObject(found), kernels: triesObject(kernels), scenario, exitCode };
      printJson({ schema: 1, origin, directory, ...tried });
    } else process.stdout.write(`${triesText(kernels, { color: wantsColor(process.stdout) })}\n`);
    if (stop.caught !== undefined)
      complain(
        `crashpath: stopped by ${stop.caught.name}; the runs so far are in ${relative('.', directory)}`,
      );
    return exitCode;
  } finally {
    templates.close();
    stop.release();
  }
}

/** Writes the scenario that hung, or says where the draft is. Returns the path of the one that hung. */
async function keepScenario(
  found: Relation,
  kernels: readonly KernelTries[],
  { directory, argv, origin }: { directory: string; argv: ProposeArguments; origin: string },
): Promise<string | null> {
  const hung = kernels
    .flatMap(({ kernel, attempts }) => attempts.map((attempt) => ({ kernel, attempt })))
    .find(({ attempt }) => attempt.outcome.kind === 'reproduced');
  if (hung === undefined) {
    say(`draft: ${relative('.', join(directory, FILES.draft))}`);
    if (argv.output !== undefined) {
      await put(argv.output, draftText(found, firstChoices(found), { origin }));
      say(`draft, which did not hang: ${argv.output}`);
    }
    return null;
  }
  const { attempt, kernel } = hung;
  const notes = [
    `It hung on ${kernel} (${attempt.result.kernel}) where the stacks say, in run ${attempt.result.runId}.`,
  ];
  const text = draftText(found, attempt.choices, { origin, notes });
  const path = argv.output ?? join(directory, FILES.hung);
  await put(path, text);
  say(`scenario that hung: ${relative('.', path)}; run: ${relative('.', attempt.result.directory)}`);
  return path;
}

/**
 * The exit code of tries: 0 when a kernel hung where the stacks say, else 1 when a state was reached, else 2 when runs were
 * void, else 3. Pure.
 */
export function proposeExitCode(
  kernels: readonly { readonly attempts: readonly Pick<Attempt, 'outcome'>[] }[],
): number {
  const kinds = new Set(kernels.flatMap(({ attempts }) => attempts.map(({ outcome }) => outcome.kind)));
  if (kinds.has('reproduced')) return EXIT.expected;
  if (kinds.has('other-end')) return EXIT.unexpected;
  return kinds.has('failed') && !kinds.has('void') ? EXIT.harness : EXIT.inconclusive;
}

function printJson(object: unknown): void {
  process.stdout.write(`${JSON.stringify(object)}\n`);
}

function complainLines(text: string): void {
  for (const line of text.split('\n')) complain(line);
}

async function put(path: string, text: string): Promise<void> {
  try {
    const there = await lstat(path).catch(() => undefined);
    // A device, a pipe or a link is written to, not replaced.
    if (there === undefined || there.isFile()) await writeWhole(path, text);
    else await writeFile(path, text);
  } catch (error) {
    const why = reasonFor(errnoOf(error)) ?? messageOf(error);
    throw harnessFault(`cannot write the scenario "${path}": ${why}; choose another --output`, error);
  }
}
