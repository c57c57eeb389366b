import { escapeHostText } from '../../model/escape.js';
import type { NightCell, NightVerdicts, NightWord } from '../../model/night-verdict.js';
import type { RunResult } from '../../model/result.js';
import { isAboutKernel } from '../../model/verdict.js';
import { reproduceCommand } from '../../plan/reproduce.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { rateInterval } from '../../stats/binomial.js';
import { percent } from '../../stats/conclusion.js';
import { seenOf, type Tally, tallyOf } from '../../stats/tally.js';
import { sweptFor, sweptResult } from '../../sweep/swept-run.js';
import { accelName, safeName, safeSentence, startText, verdictName } from '../words.js';
import {
  type Report,
  type ReportedCell,
  type ReportedNight,
  type ReportedRun,
  type ReportInput,
  type StoredRunInput,
  TEST_STATUSES,
  type TestStatus,
} from './report-model.js';

/** Makes the report of a directory's runs; with a night's verdicts these decide, and their cells are reported. Pure. */
export function reportOf({ title, startedAt, version, runs, night }: ReportInput): Report {
  const cells =
    night === undefined ? cellsOfRuns(runs) : night.cells.map((cell) => nightCell(cell, { night, runs }));
  return {
    title: safeName(title),
    startedAt: night?.startedAt ?? startedAt,
    version: safeName(version),
    night: night === undefined ? undefined : reportedNight(night),
    cells: cells.toSorted((a, b) => rankOf(a) - rankOf(b)),
  };
}

function rankOf({ word, status }: ReportedCell): number {
  // Within a night the word decides, and a cell of a blind night has no other status.
  const byWord = { regressed: 0, suspect: 1, 'cannot-tell': 2, fixed: 3, unchanged: 4 };
  return word === undefined ? TEST_STATUSES.indexOf(status) : byWord[word];
}

function cellsOfRuns(runs: readonly StoredRunInput[]): ReportedCell[] {
  const groups = new Map<string, StoredRunInput[]>();
  for (const run of runs) {
    const key = keyOf(run);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const ambiguous = ambiguousLabels(runs);
  return [...groups.values()].map((group) => cellOfRuns(group, ambiguous));
}

function keyOf({ plan, result, runId }: StoredRunInput): string {
  if (plan === undefined && result === undefined) return runId;
  const cell = plan?.cell ?? result?.cell;
  return JSON.stringify([
    plan?.scenario.name ?? result?.scenario,
    cell?.kernel,
    plan?.kernel.sha256 ?? result?.kernelSha256,
    plan?.captureKernel.sha256 ?? result?.captureKernelSha256,
    cell?.machine ?? plan?.machine.name ?? result?.machine,
    plan?.variant ?? result?.variant,
  ]);
}

/** Labels that two kernels of the directory share: patched builds have one release. */
function ambiguousLabels(runs: readonly StoredRunInput[]): Set<string> {
  const hashes = new Map<string, Set<string>>();
  for (const { label, sha256 } of runs.flatMap(({ plan }) =>
    plan === undefined ? [] : [plan.kernel, plan.captureKernel],
  )) {
    hashes.set(label, (hashes.get(label) ?? new Set()).add(sha256));
  }
  return new Set([...hashes].flatMap(([label, own]) => (own.size > 1 ? [label] : [])));
}

function cellOfRuns(group: readonly StoredRunInput[], ambiguous: ReadonlySet<string>): ReportedCell {
  const runs = group.map(reportedRun);
  const [first] = group;
  const { plan, result } = first ?? {};
  const named = ({ label, sha256 }: { label: string; sha256: string }) =>
    ambiguous.has(label) ? `${label} [${sha256.slice(0, 8)}]` : label;
  const cell = plan?.cell ?? result?.cell;
  const kernel =
    cell?.kernel ?? (plan === undefined ? (result?.kernel ?? 'unknown kernel') : named(plan.kernel));
  const machine = cell?.machine ?? plan?.machine.name ?? result?.machine;
  const capture =
    plan === undefined || plan.captureKernel.sha256 === plan.kernel.sha256 || plan.cell !== undefined
      ? ''
      : ` captured by ${named(plan.captureKernel)}`;
  const variant = plan?.variant ?? result?.variant;
  const status = TEST_STATUSES.find((one) => runs.some((run) => run.status === one)) ?? 'skipped';
  const worst = runs.find((run) => run.status === status);
  const counts = countsOf(runs);
  const directed = sweptFor(plan?.scenario.name ?? result?.scenario ?? '') !== undefined;
  return {
    scenario: safeName(plan?.scenario.name ?? result?.scenario ?? first?.runId ?? 'unknown scenario'),
    place: placeOf(`${kernel}${capture}${variant === undefined ? '' : `, ${variant}`}`, machine),
    kernel: safeName(kernel),
    machine: machine === undefined ? undefined : safeName(machine),
    runs,
    status,
    headline: worst?.headline ?? 'no runs',
    ...counts,
    ...(directed ? { rate: 'a run of a sweep, which has no rate' } : {}),
    reproduce: worst?.reproduce,
    word: undefined,
    night: undefined,
  };
}

function placeOf(kernel: string, machine: string | undefined): string {
  return machine === undefined ? safeName(kernel) : `${safeName(kernel)} on ${safeName(machine)}`;
}

function countsOf(runs: readonly ReportedRun[]): Pick<ReportedCell, 'tally' | 'rate' | 'verdicts'> {
  const results = runs.flatMap(({ result }) => (result === undefined ? [] : [result]));
  const tally = tallyOf(results.map(({ verdict }) => verdict));
  const counts = new Map<string, number>();
  for (const name of results.map(verdictName)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return { tally, rate: rateText(tally), verdicts: countText([...counts]) };
}

function countText(counts: readonly (readonly [name: string, count: number])[]): string {
  return counts.map(([name, count]) => `${count} ${safeName(name)}`).join(', ');
}

/** `3 of 20 not captured (15 %, 95 % interval 3.2 % to 38 %)`; says so when no run was judged. */
export function rateText(tally: Tally): string {
  const { failures, judged } = seenOf(tally);
  const interval = rateInterval(failures, judged);
  if (interval === undefined) return 'no run was judged';
  const [low, high] = interval;
  return `${failures} of ${judged} not captured (${percent(failures / judged)}, 95 % interval ${percent(low)} to ${percent(high)})`;
}

function reportedRun(stored: StoredRunInput): ReportedRun {
  const { runId, path, plan, console } = stored;
  const result = stored.result && sweptResult(stored.result);
  const status = statusOf(result);
  return {
    runId: safeName(runId),
    trial: plan?.trial ?? result?.trial,
    status,
    headline: result === undefined ? unfinished(stored) : headlineOf(result),
    facts: factsOf({ plan, result, path }),
    console: status === 'passed' ? [] : console,
    reproduce: plan === undefined ? undefined : safeCommand(reproduceCommand(plan)),
    seconds: (result?.durationMs ?? 0) / 1000,
    plan,
    result,
  };
}

function unfinished({ begun, whyNoResult = 'the run was cut off' }: StoredRunInput): string {
  return begun ? `no verdict: ${whyNoResult}` : 'not run: the campaign was stopped before it';
}

function headlineOf(result: RunResult): string {
  const happened = `${verdictName(result)}/${safeName(result.detail)}`;
  const wanted = result.outcome === 'unexpected' ? `, expected ${safeName(result.expected)}` : '';
  return `${happened}${wanted}: ${safeSentence(result.explanation)}`;
}

/** A command line stays whole and in its own script, so that it can be pasted; it keeps no control character. */
function safeCommand(command: string): string {
  return escapeHostText(command);
}

function statusOf(result: RunResult | undefined): TestStatus {
  switch (result?.outcome) {
    case 'expected':
      return 'passed';
    case 'unexpected':
      return 'failed';
    case 'harness-error':
      return 'error';
    case 'inconclusive':
    case undefined:
      return 'skipped';
  }
}

function factsOf({
  plan,
  result,
  path,
}: Pick<StoredRunInput, 'plan' | 'result' | 'path'>): [string, string][] {
  const facts: [string, string | undefined][] = [
    ['verdict', result && `${verdictName(result)}/${result.detail}`],
    ['outcome', result?.outcome],
    ['expected', result?.expected],
    ['kernel', plan?.kernel.release ?? result?.kernel],
    ['kernel-sha256', plan?.kernel.sha256 ?? result?.kernelSha256],
    ['capture-kernel', plan?.captureKernel.release ?? result?.captureKernel],
    ['variant', plan?.variant ?? result?.variant],
    ['machine', plan && machineText(plan)],
    ['start', result?.clone && startText(result.clone)],
    ['accelerator', result === undefined ? plan?.accel.accel : accelName(result)],
    ['qemu', plan?.qemu.version],
    ['host', plan?.host ?? result?.host],
    ['last-phase', result?.lastPhase ?? undefined],
    ['degraded-by', result?.degradedBy.join(', ')],
    ['run', path],
  ];
  return facts.flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, safeSentence(value)]],
  );
}

function machineText({ machine: { name, type, cpuModel, cpus, memoryMiB } }: RunPlan): string {
  const guest = `${type}, ${cpuModel}, ${cpus} vCPUs, ${memoryMiB} MiB`;
  return name === undefined ? guest : `${name} (${guest})`;
}

function reportedNight(night: NightVerdicts): ReportedNight {
  return {
    name: safeName(night.night),
    blind: night.blind,
    blindBecause: night.blindBecause.map(safeSentence),
    outOfBudget: night.outOfBudget,
    faults: night.faults.map(safeSentence),
    controls: night.controls.map((control) => ({
      name: `${safeName(control.scenario)} on ${placeOf(control.kernel, control.machine)}`,
      // A control that fails says nothing about a kernel under test, and is no test of it.
      status: control.held ? 'passed' : 'error',
      headline: `${safeSentence(control.what)}; ${control.held ? 'it did' : 'it did not'}: ${safeSentence(control.why)}`,
      reproduce: safeCommand(control.reproduce),
      raw: control,
    })),
    raw: night,
  };
}

/** How a format counts each word of a night. A suspicion is neither a pass nor a failure. */
const STATUS_OF_WORD: Readonly<Record<NightWord, TestStatus>> = {
  regressed: 'failed',
  suspect: 'skipped',
  'cannot-tell': 'skipped',
  fixed: 'passed',
  unchanged: 'passed',
};

function nightCell(
  cell: NightCell,
  { night, runs }: { night: NightVerdicts; runs: readonly StoredRunInput[] },
): ReportedCell {
  const own = new Set(cell.runs);
  const said = `${cell.word}: ${safeSentence(cell.why)}`;
  return {
    scenario: safeName(cell.scenario),
    place: placeOf(cell.kernel, cell.machine),
    kernel: safeName(cell.kernel),
    machine: cell.machine === undefined ? undefined : safeName(cell.machine),
    runs: runs.filter(({ path }) => own.has(path)).map(nightRun),
    status: night.blind ? 'skipped' : STATUS_OF_WORD[cell.word],
    headline: night.blind ? `not judged, the night is blind (${said})` : said,
    rate: rateText(cell.tally),
    tally: cell.tally,
    verdicts: countText(Object.entries(cell.verdicts)),
    reproduce: safeCommand(cell.reproduce),
    word: cell.word,
    night: cell,
  };
}

/** In a night a console is shown where the capture failed, whatever was expected. */
function nightRun(run: StoredRunInput): ReportedRun {
  const failed =
    run.result !== undefined && isAboutKernel(run.result.verdict) && run.result.verdict !== 'captured';
  return { ...reportedRun(run), console: failed ? run.console : [] };
}
