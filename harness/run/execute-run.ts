import { makeRunDisk, removeRunDisk } from '../distribution/run-disk.js';
import { savedDump } from '../distribution/saved-dump.js';
import { classify } from '../classify/classify.js';
import { resultOf } from '../classify/result.js';
import { HOST_CLOCK } from '../host/clock.js';
import type { Clock } from '../machine/clock.js';
import { hasFiveLevels } from '../kernel/index.js';
import { faultFact } from '../machine/fault-fact.js';
import { MissingAbility } from '../machine/machine.js';
import type { RunEvent } from '../model/event.js';
import type { RunResult } from '../model/result.js';
import { maySilence } from '../plan/command-line.js';
import { mostMemoryMiB } from '../plan/hardware.js';
import { namedSymbols } from '../plan/named-symbols.js';
import type { RunPlan } from '../plan/run-plan.js';
import { openRecorder } from '../store/recorder.js';
import { saveOutcome } from '../store/run-directory.js';
import { crashGuest } from './crash-guest.js';
import { Guest } from './guest.js';
import { guestQuestions } from './guest-questions.js';
import { kernelSymbols, requireCachedSymbols } from './kernel-symbols.js';
import { keepWhatIsLeft } from './keep-what-is-left.js';
import { knownSymbols } from './known-symbols.js';
import type { MachineOpener } from './machine-opener.js';
import { askKdumpService, bootGuest, markClone, prepareGuest } from './prepare-guest.js';
import { RunEnded } from './event-waits.js';
import { RunWatch } from './run-watch.js';
import { SourceBank } from './source-bank.js';
import { CloneFailed, cloneClock, failedAsClone, replayed, type Start, type Template } from './template.js';

/** Longest reason for a boot that is recorded. */
const SAW_CHARACTERS = 1000;

/** Options of {@link executeRun}. */
export interface ExecuteOptions {
  readonly open: MachineOpener;
  /** Stops the run: it is recorded as interrupted and the machine is closed. */
  readonly signal?: AbortSignal | undefined;
  /** Called for every event as it is read, for progress. */
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
  /** Where a kernel's symbols are cached between runs; absent: read in each run. */
  readonly cacheDir?: string | undefined;
  /** The clock of recorded times and deadlines; the host's when absent. */
  readonly clock?: Clock | undefined;
  /** How the guest begins; absent: it boots, and the recording does not say why. */
  readonly start?: Start | undefined;
}

/**
 * Executes one planned run in its directory (which holds the plan already): boots, crashes, records, judges, saves the
 * timeline and the verdict. The machine is closed in any case. Throws a harness fault when the recording cannot be
 * written, and {@link CloneFailed} with no verdict; every other failure is a verdict.
 */
export async function executeRun(
  plan: RunPlan,
  directory: string,
  { open, signal, onEvent, cacheDir, clock = HOST_CLOCK, start }: ExecuteOptions,
): Promise<RunResult> {
  const template = start !== undefined && 'template' in start ? start.template : undefined;
  const shifted = template === undefined ? undefined : cloneClock(template, clock);
  const recorder = openRecorder(directory, shifted?.clock ?? clock);
  const watch = new RunWatch(recorder, { limits: plan.limits, onEvent, clock: shifted?.clock ?? clock });
  if (template !== undefined && shifted !== undefined) {
    watch.replay((into) => replayed(template, { recorder: into, at: shifted.at }));
    shifted.begin();
    watch.fact({ fact: 'cloned', template: template.name, tookMs: Math.round(template.tookMs) });
  } else if (start !== undefined && 'booted' in start) {
    const { booted: why, saw } = start;
    watch.fact({ fact: 'booted', why, ...(saw === undefined ? {} : { saw: saw.slice(0, SAW_CHARACTERS) }) });
  }
  const interrupt = () => {
    watch.fact({ fact: 'interrupted', by: String(signal?.reason ?? 'a signal') });
  };
  signal?.addEventListener('abort', interrupt);
  if (signal?.aborted === true) interrupt();
  const unlimit = watch.limitWhole();
  try {
    await runGuest(plan, { watch, directory, cacheDir, open, signal, template });
  } finally {
    unlimit();
    signal?.removeEventListener('abort', interrupt);
    watch.fact({ fact: 'ended', why: watch.ended ?? 'unknown' });
    watch.finish();
    recorder.close();
  }
  if (watch.fault !== undefined) throw watch.fault;
  const verdict = classify(watch.events, plan);
  if (failedAsClone(watch.events)) throw new CloneFailed(verdict.explanation);
  const result = resultOf(verdict, plan, { events: watch.events, directory });
  await saveOutcome(directory, { events: watch.events, result });
  return result;
}

/** The resources of a run. */
interface RunResources {
  readonly watch: RunWatch;
  readonly cacheDir: string | undefined;
  readonly directory: string;
  readonly open: MachineOpener;
  readonly signal: AbortSignal | undefined;
  readonly template: Template | undefined;
}

/** Splits the plan: each function below receives the parts that it needs, and none receives the plan. */
async function runGuest(
  plan: RunPlan,
  { watch, directory, cacheDir, open, signal, template }: RunResources,
): Promise<void> {
  const { scenario, kernel, captureKernel } = plan;
  const { trigger, prove } = scenario;
  const undo: (() => Promise<void>)[] = [];
  try {
    if (watch.ended !== undefined) throw new RunEnded(watch.ended);
    // Modules have other addresses at each boot, and are not in the cached symbols.
    const isCached = cacheDir !== undefined && plan.modules.length === 0;
    const wanted = {
      cache: isCached ? { directory: cacheDir, kernel: kernel.sha256 } : undefined,
      named: kernel.bits === 32 ? [] : namedSymbols(scenario),
    };
    const loadsModules =
      scenario.guest.nic !== undefined ||
      scenario.guest.disk !== undefined ||
      scenario.prepare.some((step) => 'script' in step);
    if (!loadsModules) await requireCachedSymbols(wanted, watch);
    const origin = template === undefined ? undefined : ({ kind: 'clone', ...template } as const);
    const { distribution } = plan;
    if (distribution !== undefined) {
      undo.push(() => removeRunDisk(directory));
      await makeRunDisk(distribution, directory);
      // After the machine is closed: nobody writes to its disk then.
      undo.push(() => findSavedDump(plan, { watch, directory }));
    }
    const machine = await open(plan, { directory, log: watch, origin });
    undo.push(() => machine.close());
    const guest = new Guest(machine, watch, { lastId: template?.lastId });
    const known = knownSymbols(guest, {
      cacheDir,
      kernels: { production: kernel, capture: captureKernel },
    });
    const judge = () => {
      // A recording without an end shows no more than a capture; its end is still to come here.
      const events = [...watch.events, endNow(watch)];
      return resultOf(classify(events, plan), plan, { events, directory });
    };
    undo.push(() => keepWhatIsLeft({ guest, directory, cacheDir, known, judge }, plan));
    const sources = new SourceBank(guest, scenario.sources);
    undo.push(() => sources.stop());
    const symbols = kernelSymbols(guest, wanted);
    const isArmed = scenario.crashKernel === 'loaded';
    const questions = guestQuestions(guest, {
      cpus: plan.machine.cpus,
      kernel: { bits: kernel.bits ?? 64, symbols },
      claims: plan.machine.prove ?? [],
      crashKernelLoaded: isArmed,
      proofs: prove,
    });
    const { nonce, captureAppend: append, append: firstAppend, loadSyscall } = plan;
    if (template === undefined) {
      const crashKernel = isArmed ? { nonce, append, loadSyscall, firstAppend } : undefined;
      const { beforeLoading } = scenario;
      const boot = { release: kernel.release, beforeLoading, crashKernel };
      await bootGuest(guest, boot, { questions, symbols: known });
    } else await markClone(guest, { nonce, firstAppend, isArmed });
    if (distribution !== undefined) await askKdumpService(guest);
    const openQuestions = await prepareGuest(guest, scenario.prepare, {
      questions,
      sources,
      async requireSymbols() {
        // Symbols are needed with a debugger only; its absence is reported by what needs it.
        if (wanted.named.length > 0 && machine.abilities.debugger !== undefined) await symbols();
      },
    });
    const stopSampling = machine.abilities.monitor?.startSampling();
    if (stopSampling !== undefined) undo.push(stopSampling);
    await crashGuest(
      guest,
      {
        ownEnd: distribution === undefined ? 'report' : 'shutdown',
        trigger,
        prove,
        proveCapture: scenario.proveCapture,
        memoryMiB: mostMemoryMiB(plan.machine),
        choreography: {
          trial: plan.trial,
          deadlineScale: plan.timeoutScale,
          runName: plan.runId,
          hasSources: scenario.sources.length > 0,
          accel: plan.accel.accel,
          symbols,
        },
        hardware: {
          memory: { memoryMiB: plan.machine.memoryMiB, type: plan.machine.type },
          hasBusMaster: scenario.guest.nic !== undefined || scenario.guest.disk !== undefined,
        },
      },
      {
        sources,
        openQuestions,
        known,
        accel: plan.accel.accel,
        // The kdump service passes the first kernel's words on.
        mayBeSilent: maySilence(distribution === undefined ? plan.captureAppend : plan.append),
        signal,
        takesFiveLevels: known.sameImage || (await hasFiveLevels(captureKernel.bzImage)) === true,
        afterwards: (work) => undo.push(() => work),
      },
    );
    watch.end('the script came to its end');
  } catch (error) {
    recordFailure(error, watch);
  } finally {
    for (const step of undo.toReversed()) {
      try {
        await step();
      } catch (error) {
        watch.fact({ ...faultFact(error), afterRun: true });
      }
    }
  }
}

/** Looks for the dump of a distribution that was fired; one that was not has none of this run. */
async function findSavedDump(
  { machine: { memoryMiB }, nonce }: Pick<RunPlan, 'machine' | 'nonce'>,
  { watch, directory }: Pick<RunResources, 'watch' | 'directory'>,
): Promise<void> {
  if (!watch.events.some(({ type }) => type === 'firing' || type === 'panic')) return;
  for (const fact of await savedDump({ directory, memoryMiB, nonce })) watch.fact(fact);
}

/** The end of the recording, as if it were now. */
function endNow(watch: RunWatch): RunEvent {
  const last = watch.events.at(-1);
  const fact = { fact: 'ended', why: watch.ended ?? 'unknown' } as const;
  return { type: 'host', fact, at: { source: 'host', line: 0 }, atMs: last?.atMs ?? 0 };
}

/** Records what ended a run early: its own end, a missing ability, or a failure. */
function recordFailure(error: unknown, watch: RunWatch): void {
  if (error instanceof RunEnded) return;
  if (watch.ended === undefined && error instanceof MissingAbility) {
    watch.fact({ fact: 'proof', what: error.what, proved: false, saw: error.saw });
    watch.end(`not proved: ${error.what}`);
  }
  if (watch.ended === undefined) watch.fact(faultFact(error));
  watch.end('the harness failed');
}
