import { availableParallelism } from 'node:os';
import { basename, dirname } from 'node:path';
import { hostDifferences, type HostDifference } from '../../bundle/differences.js';
import { endOf, placeText, type RunEnd, whyNotSame } from '../../bundle/end.js';
import { findKernels } from '../../bundle/find-kernels.js';
import { type Bundle, keepBundle } from '../../bundle/read-bundle.js';
import { runCampaign } from '../../campaign/run-campaign.js';
import { writePage } from '../../campaign/write-page.js';
import { escapeGuestText, escapeHostText } from '../../model/escape.js';
import { EXIT, usageFault } from '../../model/fault.js';
import type { RunResult } from '../../model/result.js';
import { shellQuote } from '../../model/shell-words.js';
import { isAboutKernel } from '../../model/verdict.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { planAgain } from '../../prepare/plan-again.js';
import { progressText } from '../../report/run-progress.js';
import { reportPath } from '../../store/campaign-directory.js';
import { readHostFacts } from '../../store/read-recording.js';
import { complain, prepareOptions, print, say, version } from '../context.js';
import { DEFAULT_TRIES, type ReproOptions } from '../words/repro.js';
import { beginCampaign, freshCampaignName } from './campaigns.js';
import { interruptible } from './interruptible.js';

type Arguments = ReproOptions & {
  captureKernel: string | undefined;
  buildImages: boolean;
  timeoutScale: number | undefined;
  dryRun: boolean;
};

/** One run, and why its end is not the bundle's; undefined when it is. */
interface Tried {
  readonly result: RunResult;
  readonly whyNot: string | undefined;
}

/** Runs a bundle's guest until its end shows once. Returns the exit code. */
export async function repro(argv: Arguments): Promise<number> {
  const stop = interruptible();
  try {
    return await reproduce(argv, stop.signal);
  } catch (error) {
    if (stop.caught === undefined) throw error;
    complain(`crashpath: stopped by ${stop.caught.name}; what was run is in --out`);
    return 128 + stop.caught.number;
  } finally {
    stop.release();
  }
}

async function reproduce(argv: Arguments, signal: AbortSignal): Promise<number> {
  const { file, tries = DEFAULT_TRIES, accel, timeoutScale, buildImages } = argv;
  say(`reading ${file}`);
  const bundle = await keepBundle(file, {
    ...prepareOptions(),
    signal,
    accept: (read) => requireAboutKernel(read, file),
  });
  const wanted = wantedOf(bundle);
  const kernels = await findKernels(bundle, { ...prepareOptions(), file, signal, given: argv });
  const initrd = buildImages ? undefined : bundle.held?.initrd;
  const campaign = freshCampaignName(new Date(), 'repro');
  const plan = () =>
    planAgain(
      { plan: bundle.plan, kernels, initrd },
      { campaign, tries, accel, timeoutScale },
      prepareOptions(),
    );
  const differencesOf = ([first]: readonly RunPlan[], image: string) =>
    first === undefined
      ? []
      : hostDifferences(bundle.plan, first, {
          crashpath: { there: bundle.manifest.crashpath, here: version() },
          cpusHere: availableParallelism(),
          startThere: bundle.result.clone,
          imageKeys: {
            there: bundle.manifest.image?.key,
            here: initrd === undefined ? basename(dirname(image)) : bundle.manifest.image?.key,
          },
        });
  if (argv.dryRun) {
    const planned = await plan();
    sayWanted(wanted, differencesOf(planned.plans, planned.initrd));
    for (const { qemu } of planned.plans.slice(0, 1)) print(`${shellQuote([qemu.binary, ...qemu.args])}\n`);
    return EXIT.expected;
  }
  let differences: HostDifference[] = [];
  const { directory, plans } = await beginCampaign({
    name: campaign,
    out: argv.out,
    plan: async () => {
      const planned = await plan();
      differences = differencesOf(planned.plans, planned.initrd);
      return planned.plans;
    },
  });
  sayWanted(wanted, differences);
  const tried = await runUntilSame(directory, plans, { wanted, signal, json: argv.json, bundle });
  const results = tried.map(({ result }) => result);
  if (results.length > 0) {
    await writePage(directory, { results, plans, crashpathVersion: version() });
    say(`report: ${reportPath(directory)}`);
  }
  signal.throwIfAborted();
  const exitCode = exitCodeOf(tried);
  if (argv.json)
    print(`${JSON.stringify({ schema: 1, file, exitCode, wanted, differences, ...spoken(tried) })}\n`);
  else print(`${conclusion(tried, tries)}\n`);
  return exitCode;
}

/** The end to be reproduced. */
function wantedOf({ result, facts, senderSaid }: Bundle): RunEnd {
  if (senderSaid !== undefined)
    say(`the sender's crashpath said ${escapeHostText(senderSaid)}; this one judges the recording itself`);
  return endOf(result, facts);
}

/** Throws a usage fault for a run that says nothing about its kernel. */
function requireAboutKernel({ result }: Bundle, file: string): void {
  if (isAboutKernel(result.verdict)) return;
  throw usageFault(
    `cannot reproduce bundle "${file}": its run is ${result.verdict}: ${escapeHostText(result.detail)}, which says nothing about the kernel; crashpath run runs its scenario`,
  );
}

function sayWanted(wanted: RunEnd, differences: readonly HostDifference[]): void {
  const { verdict, detail, place } = wanted;
  say(`wanted: ${verdict}: ${escapeHostText(detail)}`);
  if (place !== undefined) say(`place: ${escapeGuestText(placeText(place), 2000)}`);
  for (const { what, there, here } of differences)
    say(`differs: ${what}: ${escapeHostText(there)} there, ${escapeHostText(here)} here`);
}

async function runUntilSame(
  directory: string,
  plans: readonly RunPlan[],
  { wanted, signal, json, bundle }: { wanted: RunEnd; signal: AbortSignal; json: boolean; bundle: Bundle },
): Promise<Tried[]> {
  const tried: Tried[] = [];
  // One after the other: a guest on a busy host has other interleavings.
  for (const plan of plans) {
    if (signal.aborted) break;
    const [result] = await runCampaign(directory, [plan], {
      jobs: 1,
      signal,
      // The sender's image says what its kernel's symbols are: they are not kept for other runs.
      cacheDir: bundle.directory,
      onStart: () => say(`${plan.runId}: starting (${plan.accel.accel}, ${plan.machine.cpus} vCPUs)`),
      onEvent: (_plan, event) => {
        if (event.type === 'host' && event.fact.fact === 'harness-fault' && event.fact.afterRun === true)
          complain(`${plan.runId}: ${event.fact.message}`);
        const text = progressText(event);
        if (text !== undefined) say(`${plan.runId}: ${text}`);
      },
    });
    if (result === undefined) break;
    const whyNot = whyNotSame(wanted, endOf(result, await readHostFacts(result.directory)));
    tried.push({ result, whyNot });
    const ending = whyNot === undefined ? 'reproduced' : `not the same (${escapeGuestText(whyNot, 500)})`;
    const line = `[${tried.length}/${plans.length}] ${result.verdict}: ${escapeHostText(result.detail)}, ${ending}`;
    if (json) say(line);
    else print(`${line}\n`);
    if (result.outcome === 'inconclusive' || result.outcome === 'harness-error')
      say(`${result.runId}: ${result.explanation}`);
    if (whyNot === undefined) break;
  }
  return tried;
}

function spoken(tried: readonly Tried[]) {
  return {
    reproduced: tried.some(({ whyNot }) => whyNot === undefined),
    tries: tried.length,
    runs: tried.map(({ result, whyNot }) => ({ ...(whyNot === undefined ? {} : { whyNot }), ...result })),
  };
}

/** A verdict about the kernel that is another one takes precedence; next comes what could not be tried at all. Pure. */
export function exitCodeOf(
  tried: readonly { result: Pick<RunResult, 'verdict'>; whyNot: string | undefined }[],
): number {
  if (tried.some(({ whyNot }) => whyNot === undefined)) return EXIT.expected;
  if (tried.some(({ result }) => isAboutKernel(result.verdict))) return EXIT.unexpected;
  return tried.some(({ result }) => result.verdict === 'harness-error') ? EXIT.harness : EXIT.inconclusive;
}

function conclusion(tried: readonly Tried[], tries: number): string {
  const count = `${tried.length} ${tried.length === 1 ? 'run' : 'runs'}`;
  if (tried.some(({ whyNot }) => whyNot === undefined)) return `reproduced, after ${count}`;
  const counted = new Map<string, number>();
  for (const { result } of tried) counted.set(result.verdict, (counted.get(result.verdict) ?? 0) + 1);
  const words = [...counted].map(([word, times]) => `${times} ${word}`).join(', ');
  return `not reproduced in ${count} (${words}); --tries ${tries * 5} tries more often`;
}
