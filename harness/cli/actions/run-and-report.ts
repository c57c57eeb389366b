import { basename } from 'node:path';
import { resultKeeper } from '../../campaign/kept-result.js';
import { carryOut, NoHostLeft } from '../../campaign/run-campaign.js';
import type { Seat } from '../../campaign/seats.js';
import type { Slots } from '../../campaign/slots.js';
import { FoundSoFar } from '../../campaign/until-found.js';
import { writePage } from '../../campaign/write-page.js';
import type { RunEvent } from '../../model/event.js';
import { isCutOff, type RunResult } from '../../model/result.js';
import type { RunPlan } from '../../plan/run-plan.js';
import type { Until } from '../../plan/until.js';
import { progressLine } from '../../report/campaign-progress.js';
import { type CampaignTable, campaignTableOf } from '../../report/campaign-table.js';
import { campaignTableObject } from '../../report/campaign-table-json.js';
import { campaignTableText } from '../../report/campaign-table-text.js';
import { cloneNotes } from '../../report/clone-notes.js';
import { guestText, vmcoreText } from '../../report/kept-text.js';
import { liveLines } from '../../report/live-progress.js';
import { foundObject, foundText } from '../../report/found.js';
import { RunCounts } from '../../report/run-counts.js';
import { resultLine, verdictTable } from '../../report/terminal-table.js';
import { type Beginning, beginningText, phaseText, progressText } from '../../report/run-progress.js';
import { reportPath, writeCells } from '../../store/campaign-directory.js';
import { exists } from '../../store/stored-file.js';
import { complain, isQuiet, print, say, setScreen, version, wantsColor } from '../context.js';
import { canRedraw, openLiveScreen } from '../live-screen.js';
import { templatesFor } from './clones.js';
import { exitCodeFor } from './exit-codes.js';
import { interruptible, stoppedBy } from './interruptible.js';
import { cacheDirectory } from '../directories.js';

export { hostPool } from './hosts.js';

/** Options of {@link runAndReport}. */
export interface ReportOptions {
  readonly jobs: number;
  /** Lets guests start as this host has room; absent: `jobs` at a time. */
  readonly slots?: Slots | undefined;
  /** The hosts that were named; this one when absent. */
  readonly seats?: readonly Seat[] | undefined;
  readonly json: boolean;
  /** Guests of which enough runs are to come boot once; their runs are clones. */
  readonly clones: boolean;
  /** All plans of the campaign, also those that need not run again. */
  readonly campaign: readonly RunPlan[];
  /** Results of an earlier part of the same campaign. */
  readonly earlier?: readonly RunResult[];
  /** When a cell has enough runs; absent: when all have ended. */
  readonly until?: Until | undefined;
  /** No further run begins then, by `performance.now()`; absent: all may. */
  readonly endMs?: number | undefined;
  /** The command, for the line that says how to resume. */
  readonly command?: 'run' | 'hunt';
  /** Decides the exit code, and says more at the end; absent: that of the results. */
  readonly conclude?: ((end: CampaignEnd) => number) | undefined;
}

/** A campaign that has ended, or was stopped. */
export interface CampaignEnd {
  readonly directory: string;
  readonly results: readonly RunResult[];
  /** With {@link ReportOptions.until}. */
  readonly found: FoundSoFar | undefined;
  /** Runs that were planned, are not needless, and have not ended. */
  readonly left: number;
}

/**
 * Runs plans, prints results as they come, then the table and the path of the report. Returns the exit code; for a
 * campaign that was stopped by a signal 128 + its number, after everything is recorded.
 */
export async function runAndReport(
  directory: string,
  plans: readonly RunPlan[],
  options: ReportOptions,
): Promise<number> {
  const { jobs, slots: room, seats, json, campaign, clones, until, endMs, earlier = [] } = options;
  const stop = interruptible();
  const color = wantsColor(process.stdout);
  const keep = resultKeeper();
  const all = earlier.filter((result) => !isCutOff(result));
  const counts = new RunCounts(campaign);
  const found = until === undefined ? undefined : new FoundSoFar(campaign, until);
  for (const result of all) {
    counts.add(result);
    found?.add(result);
  }
  let ended = 0;
  let noHost: NoHostLeft | undefined;
  const guests = new Map<string, { startedMs: number; phase: string; beginning?: Beginning }>();
  const slots = seats === undefined ? jobs : seats.reduce((sum, seat) => sum + seat.jobs, 0);
  const live =
    canRedraw(process.stderr) && !isQuiet() && plans.length > 0
      ? openLiveScreen(process.stderr, {
          lines: (size) =>
            liveLines(
              {
                slots: room === undefined ? Math.min(slots, plans.length) : undefined,
                counts,
                guests: [...guests].map(([runId, { startedMs, phase }]) => ({
                  runId,
                  phase,
                  ageMs: performance.now() - startedMs,
                })),
              },
              size,
            ),
        })
      : undefined;
  setScreen(live);
  const cached = { cacheDir: cacheDirectory() };
  const noteProgress = (name: string, event: RunEvent) => {
    const guest = guests.get(name);
    const text = progressText(event, guest?.beginning);
    if (text === undefined) return;
    if (guest !== undefined) guest.phase = phaseText(event) ?? guest.phase;
    if (live === undefined) say(`${name}: ${text}`);
  };
  const boots = {
    onStart: (name: string) =>
      void guests.set(name, { startedMs: performance.now(), phase: 'booting a guest for clones' }),
    onEvent: noteProgress,
    onEnd: (name: string) => void guests.delete(name),
  };
  const templates = templatesFor(clones, { directory, plans, signal: stop.signal, boots });
  try {
    const running = carryOut(directory, plans, {
      jobs,
      slots: room,
      seats,
      mayBegin: () => endMs === undefined || performance.now() < endMs,
      isNeedless: (plan) => found?.isNeedless(plan) === true,
      onHostOut: ({ name }) => complain(`crashpath: host ${name} is lost and gets no more runs`),
      ...cached,
      templates,
      signal: stop.signal,
      onStart: (plan, beginning) => {
        const what = `starting${beginningText(beginning)} (${placeOf(plan)}${plan.accel.accel}, ${plan.machine.cpus} vCPUs)`;
        guests.set(plan.runId, { startedMs: performance.now(), phase: what, beginning });
        if (live === undefined) say(`${plan.runId}: ${what}`);
      },
      onEvent: (plan, event) => {
        leftBehind(plan, event);
        noteProgress(plan.runId, event);
      },
      onResult: (result, plan) => {
        guests.delete(plan.runId);
        ended += 1;
        all.push(keep(result));
        counts.add(result);
        found?.add(result);
        print(
          json
            ? `${JSON.stringify(result)}\n`
            : `[${ended}/${plans.length}] ${resultLine(result, { color })}\n`,
        );
        // Without a verdict about the kernel the reason is what the user needs next.
        if (result.outcome === 'inconclusive' || result.outcome === 'harness-error')
          say(`${result.runId}: ${result.explanation}`);
        if (plan.cell !== undefined && live === undefined)
          say(progressLine(counts, room === undefined ? jobs : Math.max(1, room.used)));
      },
    });
    // What was run is reported all the same.
    await running.catch((error: unknown) => {
      if (!(error instanceof NoHostLeft)) throw error;
      noHost = error;
    });
    setScreen(undefined);
    live?.end();
    const due = duePlans(campaign, { results: all, found });
    const campaignTable = campaignTableOf(due, all);
    // With nothing left to run the report on disk is complete already, unless crashpath was killed before it wrote one.
    if (all.length > 0 && (plans.length > 0 || !(await exists(reportPath(directory)))))
      await writePage(directory, { results: all, plans: due, crashpathVersion: version() });
    const exitCode = stop.caught === undefined ? exitCodeFor(all) : 128 + stop.caught.number;
    if (campaignTable !== undefined)
      await printCampaignTable(campaignTable, { directory, all, exitCode, json, color });
    else if (!json && all.length > 0) {
      process.stdout.write(`\n${verdictTable(all, { color, width: WIDTH })}\n`);
    }
    if (found !== undefined && options.conclude === undefined) {
      if (json) print(`${JSON.stringify(foundObject(found.cells(), found.until))}\n`);
      else for (const line of foundText(found.cells(), found.until)) print(`${line}\n`);
    }
    const left = due.length - counts.ended;
    const ownCode = options.conclude?.({ directory, results: all, found, left });
    for (const note of cloneNotes(all)) say(note);
    // A hunt has printed its guest, with what to do with it.
    for (const line of keptLines(all, { guests: options.conclude === undefined })) say(line);
    say(`report: ${reportPath(directory)}`);
    if (stop.caught !== undefined)
      return stoppedBy(stop.caught, { command: options.command ?? 'run', directory });
    if (noHost !== undefined) throw noHost;
    return ownCode ?? exitCode;
  } finally {
    templates.close();
    setScreen(undefined);
    live?.end();
    stop.release();
  }
}

/** The plans that were or are to be carried out: without those of which a cell had enough before they began. */
function duePlans(
  plans: readonly RunPlan[],
  { results, found }: { readonly results: readonly RunResult[]; readonly found: FoundSoFar | undefined },
): readonly RunPlan[] {
  if (found === undefined) return plans;
  const ended = new Set(results.flatMap(({ runId }) => [runId, runId.replace(/\.\d+$/, '')]));
  return plans.filter((plan) => ended.has(plan.runId) || !found.isNeedless(plan));
}

function placeOf({ host }: RunPlan): string {
  return host === undefined ? '' : `on ${host}, `;
}

/** Guests that are up, and what was to be kept and is not: the user must know of both. */
function* keptLines(
  results: readonly RunResult[],
  { guests }: { readonly guests: boolean },
): Generator<string> {
  for (const result of results) {
    const guest = guests ? guestText(result) : undefined;
    if (guest !== undefined) yield `${result.runId}: guest: ${guest}`;
    if (result.vmcore !== undefined) yield `${result.runId}: vmcore: ${vmcoreText(result)}`;
  }
}

/** Width of the tables in columns, independent of the terminal: the output may be a log file. */
const WIDTH = 100;

/** Prints the campaign table and stores it. */
async function printCampaignTable(
  campaignTable: CampaignTable,
  {
    directory,
    all,
    exitCode,
    json,
    color,
  }: {
    directory: string;
    all: readonly RunResult[];
    exitCode: number;
    json: boolean;
    color: boolean;
  },
): Promise<void> {
  const object = campaignTableObject(campaignTable, { campaign: basename(directory), exitCode });
  await writeCells(directory, object);
  process.stdout.write(
    json
      ? `${JSON.stringify(object)}\n`
      : `\n${campaignTableText(campaignTable, all, { color, width: WIDTH })}\n`,
  );
}

/** Prints what a run left behind on this host. */
function leftBehind(plan: RunPlan, event: RunEvent): void {
  if (event.type === 'host' && event.fact.fact === 'harness-fault' && event.fact.afterRun === true)
    complain(`${plan.runId}: ${event.fact.message}`);
}
