import { readFile, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { RealBench } from '../../bisect/bench.js';
import { candidatesBetween, describeCommit } from '../../bisect/git-bisect.js';
import { runBisect } from '../../bisect/run-bisect.js';
import { BISECT_FILES, keepConfig, readBisection, writeBisection } from '../../bisect/state-file.js';
import { type Asked, type Bisection, type Guests, type Tried, untried } from '../../bisection/state.js';
import { sha256Of } from '../../cache/sha256.js';
import { withFileLock } from '../../host/file-lock.js';
import { commitOf, openRepository, type Repository } from '../../kernel/index.js';
import { escapeHostText } from '../../model/escape.js';
import { messageOf } from '../../model/errno.js';
import { EXIT, usageFault } from '../../model/fault.js';
import { STORE_SCHEMA } from '../../model/record.js';
import type { Scenario } from '../../plan/scenario.js';
import { loadScenarios } from '../../prepare/scenario-files.js';
import { isPath } from '../../prepare/yaml-files.js';
import { bisectionObject, bisectionText, expectationLines, planText } from '../../report/bisection.js';
import { resultLine } from '../../report/terminal-table.js';
import { createCampaignDirectory, readRuns, reportPath } from '../../store/campaign-directory.js';
import { checkOutDirectory, openOutDirectory } from '../../store/out-directory.js';
import { exists, writeJson } from '../../store/stored-file.js';
import { prepareOptions, say, SHIPPED, version, wantsColor } from '../context.js';
import { cacheDirectory, outDirectory } from '../directories.js';
import { type BisectArguments, DEFAULT_CONTROL_TRIALS, fixedByBisection } from '../words/bisect.js';
import { guestChoices, requireNothingKept } from '../words/guest-options.js';
import { defaultJobs, requireOnlyDirectory } from './campaigns.js';
import { templatesFor } from './clones.js';
import { interruptible, stoppedBy } from './interruptible.js';
import { writePage } from '../../campaign/write-page.js';

/** Beside the files of the bisection: what --json prints. */
const REPORT_FILE = 'bisect-report.json';

interface Begun {
  readonly directory: string;
  readonly bisection: Bisection;
  readonly repository: Repository;
  /** Text of the configuration fragment, when the bisection is not on the disk yet. */
  readonly fresh?: { readonly config: string | undefined } | undefined;
}

/**
 * Carries out `crashpath bisect`: begins a bisection, or goes on with the one that the same words began. Prints the path
 * and the end, and returns the exit code (see the help). One that was stopped by a signal returns 128 + its number.
 */
export async function bisectKernels(argv: BisectArguments): Promise<number> {
  requireNothingKept('a bisection', argv);
  const begun = argv.resume === undefined ? await named(argv) : await resumed(argv, argv.resume);
  if (argv.dryRun) {
    process.stdout.write(`${planText(begun.bisection)}\n`);
    return EXIT.expected;
  }
  if (begun.fresh !== undefined) await create(begun, begun.fresh.config);
  const lock = {
    waitMs: 0,
    held: 'another crashpath goes on with this bisection; wait for it, or stop it',
  };
  return withFileLock(join(begun.directory, BISECT_FILES.lock), lock, () => carryOn(begun, argv));
}

async function carryOn({ directory, repository }: Begun, argv: BisectArguments): Promise<number> {
  const stop = interruptible();
  const color = wantsColor(process.stderr);
  // Read under the lock.
  const bisection = await readBisection(directory);
  const { asked } = bisection;
  // How many trials a commit takes is not known.
  const templates = templatesFor(argv.clone, { directory, plans: 'unknown', signal: stop.signal });
  const bench = new RealBench(
    directory,
    { scenario: asked.scenario, ...asked.guests },
    {
      ...prepareOptions(),
      tree: asked.tree,
      config: asked.configSha256 === undefined ? undefined : join(directory, BISECT_FILES.config),
      buildJobs: argv.buildJobs,
      jobs: (one) => argv.jobs ?? defaultJobs([one]),
      signal: stop.signal,
      templates,
      onResult: (result) => say(`  ${resultLine(result, { color })}`),
    },
  );
  try {
    let before = bisection;
    const end = await runBisect(directory, bisection, {
      repository,
      bench,
      gitDirectory: join(cacheDirectory(), 'bisect', `${sha256Of(directory).slice(0, 16)}.git`),
      signal: stop.signal,
      onStep: (tried, step) => say(stepLine(tried, step)),
      onChange: (now) => {
        for (const line of changeLines(before, now)) say(line);
        before = now;
      },
    });
    const runs = await readRuns(directory);
    const results = runs.flatMap(({ result }) => (result === undefined ? [] : [result]));
    if (results.length > 0) await writePage(directory, { results, plans: [], crashpathVersion: version() });
    const object = bisectionObject(end, directory);
    await writeJson(join(directory, REPORT_FILE), object);
    const text = bisectionText(end, { directory, color: wantsColor(process.stdout) });
    process.stdout.write(argv.json ? `${JSON.stringify(object)}\n` : `${text}\n`);
    say(`all runs: ${reportPath(directory)}; git's log: ${join(directory, BISECT_FILES.log)}`);
    return exitCodeOf(end);
  } catch (error) {
    if (stop.caught !== undefined) return stoppedBy(stop.caught, { command: 'bisect', directory });
    throw error;
  } finally {
    templates.close();
    stop.release();
  }
}

function exitCodeOf({ end }: Bisection): number {
  switch (end?.kind) {
    case 'found':
      return EXIT.expected;
    case 'candidates':
    case 'fixed-between':
      return EXIT.unexpected;
    case 'refused':
    case undefined:
      return EXIT.inconclusive;
  }
}

function stepLine({ commit, goods }: Tried, step: 'good end' | 'bad end' | number): string {
  const what = typeof step === 'number' ? `step ${step}` : `the ${step}`;
  const trials = goods === undefined ? '' : `, good after ${goods} trials`;
  return `${what}: ${commit.commit.slice(0, 12)} ${escapeHostText(commit.subject)}${trials}`;
}

/** What a change of the bisection says to its user. */
function changeLines(before: Bisection, now: Bisection): string[] {
  const controls = before.controls === undefined ? expectationLines(now) : [];
  const [old, step] = [before.steps[now.steps.length - 1], now.steps.at(-1)];
  const isDecided = step?.verdict !== undefined && old?.verdict === undefined;
  const why = step?.why === undefined ? '' : `: ${escapeHostText(step.why)}`;
  return [...controls, ...(isDecided ? [`step ${now.steps.length}: ${step.verdict}${why}`] : [])];
}

async function resumed(argv: BisectArguments, reference: string): Promise<Begun> {
  requireOnlyDirectory(reference, 'a bisection', fixedByBisection(argv));
  const directory = resolve(reference);
  const bisection = await readBisection(directory);
  return { directory, bisection, repository: await openRepository(bisection.asked.tree) };
}

/** The bisection that these words name: the one on the disk, or a fresh one. */
async function named(argv: BisectArguments): Promise<Begun> {
  const { scenario: reference, tree, good, bad } = argv;
  const missing = (what: string) =>
    usageFault(
      `cannot bisect "${reference ?? ''}": ${what} is missing; give --good COMMIT --bad COMMIT --tree DIR and a scenario`,
    );
  if (reference === undefined) throw missing('the scenario');
  if (tree === undefined) throw missing('--tree');
  if (good === undefined) throw missing('--good');
  if (bad === undefined) throw missing('--bad');
  if (argv.host.length > 0) {
    throw usageFault(
      `cannot bisect with --host "${argv.host.join(' ')}": kernels are built and run on this host; run crashpath bisect there`,
    );
  }
  const scenario = await onlyScenario(reference, argv.machineProfile);
  const config = await configText(argv.config);
  const repository = await openRepository(tree);
  const ends = {
    good: await commitOf(repository, good, { what: '--good' }),
    bad: await commitOf(repository, bad, { what: '--bad' }),
    firstParent: argv.firstParent,
  };
  const asked: Asked = {
    tree: resolve(tree),
    ...ends,
    scenarioNamed: isPath(reference) ? resolve(reference) : reference,
    scenario,
    ...(config === undefined ? {} : { configSha256: sha256Of(config) }),
    patience: argv.controlTrials ?? DEFAULT_CONTROL_TRIALS,
    guests: await guestsOf(argv),
  };
  const out = outDirectory(argv.out);
  const name = argv.name ?? ownName(asked);
  const directory = join(out, name);
  await checkOutDirectory(out);
  if (await exists(join(directory, BISECT_FILES.state))) {
    const bisection = await readBisection(directory);
    // As it is read: options that are absent are no properties.
    if (isDeepStrictEqual(bisection.asked, JSON.parse(JSON.stringify(asked)))) {
      say(`going on with ${directory}`);
      return { directory, bisection, repository };
    }
    throw usageFault(
      `cannot use --name "${name}": it is another bisection; choose another name, or go on with it by --resume ${directory}`,
    );
  }
  const commits = await candidatesBetween(repository, ends);
  if (commits.length === 0) {
    throw usageFault(
      `cannot bisect from --good "${good}" to --bad "${bad}": every commit of the bad one is in the good one; are they exchanged?`,
    );
  }
  const bisection: Bisection = {
    schema: STORE_SCHEMA,
    name,
    createdAt: new Date().toISOString(),
    asked,
    commits: commits.length,
    good: untried(await describeCommit(repository, ends.good)),
    bad: untried(await describeCommit(repository, ends.bad)),
    steps: [],
  };
  return { directory, bisection, repository, fresh: { config } };
}

/** Writes a fresh bisection; its state comes last, so that what a killed crashpath left half made is made again. */
async function create({ directory, bisection }: Begun, config: string | undefined): Promise<void> {
  const { name, createdAt } = bisection;
  await openOutDirectory(dirname(directory));
  const isHalfMade = (await exists(directory)) && (await readRuns(directory)).length === 0;
  if (isHalfMade && isOwnName(name)) await rm(directory, { recursive: true });
  await createCampaignDirectory(dirname(directory), { schema: STORE_SCHEMA, name, createdAt, plans: [] });
  if (config !== undefined) await keepConfig(directory, config);
  await writeBisection(directory, bisection);
}

async function onlyScenario(reference: string, machineProfiles: readonly string[]): Promise<Scenario> {
  const [scenario, ...others] = await loadScenarios(reference, SHIPPED);
  if (scenario === undefined || others.length > 0) {
    throw usageFault(
      `cannot bisect "${reference}": it is ${others.length + 1} scenarios; name one of them, as crashpath list does`,
    );
  }
  const { profile } = scenario.guest;
  if (
    machineProfiles.length > 1 ||
    (machineProfiles.length === 0 && Array.isArray(profile) && profile.length > 1)
  ) {
    throw usageFault(
      `cannot bisect "${reference}" on several machines: a rate belongs to one machine; choose one with --machine-profile`,
    );
  }
  return scenario;
}

async function configText(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw usageFault(
      `cannot read config fragment "${path}": ${messageOf(error)}; give a file with CONFIG_NAME=y lines`,
      error,
    );
  });
}

/** The choices for the guests; paths become absolute, since a bisection can be resumed from elsewhere. */
async function guestsOf(argv: BisectArguments): Promise<Guests> {
  const choices = guestChoices(argv);
  const { captureKernel, machineProfile, accel } = choices;
  const given = {
    ...choices,
    captureKernel:
      captureKernel !== undefined && (await exists(captureKernel)) ? resolve(captureKernel) : captureKernel,
    machineProfile:
      machineProfile.length === 0
        ? undefined
        : machineProfile.map((name) => (isPath(name) ? resolve(name) : name)),
    accel: accel === 'auto' ? undefined : accel,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** The name of a bisection that the user does not name: by what was asked, so that the same words mean the same one. */
function ownName(asked: Asked): string {
  return `bisect-${sha256Of(JSON.stringify(asked)).slice(0, 12)}`;
}

function isOwnName(name: string): boolean {
  return /^bisect-[0-9a-f]{12}$/.test(name);
}
