import type { Clock } from '../machine/clock.js';
import { type Machine, need } from '../machine/machine.js';
import { atMsOf, type HostFact, type RunRecord } from '../model/record.js';
import { HOST_CLOCK } from '../host/clock.js';
import { messageOf } from '../model/errno.js';
import { foldLine } from '../model/escape.js';
import type { RunEvent } from '../model/event.js';
import { Fault } from '../model/fault.js';
import type { BootReason } from '../model/start.js';
import type { RunPlan } from '../plan/run-plan.js';
import { readRecording } from '../store/read-recording.js';
import { openRecorder, type Recorder } from '../store/recorder.js';
import { RunEnded } from './event-waits.js';
import { Guest } from './guest.js';
import { guestQuestions } from './guest-questions.js';
import { kernelSymbols } from './kernel-symbols.js';
import { knownSymbols } from './known-symbols.js';
import type { MachineOpener } from './machine-opener.js';
import { bootGuest } from './prepare-guest.js';
import { RunWatch } from './run-watch.js';

/** A guest that has booted and loaded its crash kernel, saved so that runs can begin as clones of it. */
export interface Template {
  /** Where its recording is, for people. */
  readonly name: string;
  readonly state: Buffer;
  /** The path by which QEMU opens its memory. */
  readonly memory: string;
  /** What was recorded of its boot and its arming; a clone's recording begins with it. */
  readonly records: readonly RunRecord[];
  /** How long that took, milliseconds. */
  readonly tookMs: number;
  /** Id of the last request that its init has answered. */
  readonly lastId: number;
}

/** How a run begins: as a clone, or with a boot, and why. */
export type Start =
  | { readonly template: Template }
  | { readonly booted: BootReason; readonly saw?: string | undefined };

/**
 * A run that was to begin as a clone did not come to be armed, or the host had no memory for it: this says nothing about
 * the kernel, and the run can boot.
 */
export class CloneFailed extends Fault {
  constructor(why: string) {
    super('harness', `cannot begin a run as a clone: ${why}; --no-clone boots each run`);
    this.name = 'CloneFailed';
    this.why = why;
  }
  readonly why: string;
}

/**
 * Whether a run that was to begin as a clone has not: its guest has not answered yet, or QEMU was killed because a page of
 * its memory's file could not be had (tmpfs, mm/shmem.c). A run that was cut off from outside has begun. Pure.
 */
export function failedAsClone(events: readonly RunEvent[]): boolean {
  let isCloned = false;
  let answered = false;
  for (const event of events) {
    if (event.type === 'host') {
      const { fact } = event;
      if (fact.fact === 'interrupted' || fact.fact === 'host-lost') return false;
      if (fact.fact === 'cloned') isCloned = true;
      if (isCloned && fact.fact === 'qemu-exit' && fact.signal === 'SIGBUS') return true;
    }
    if (isCloned && (event.type === 'armed' || event.type === 'reply')) answered = true;
  }
  return isCloned && !answered;
}

/** Options of {@link makeTemplate}. */
export interface TemplateOptions {
  readonly name: string;
  /** Exists; gets the recording. */
  readonly directory: string;
  readonly open: MachineOpener;
  /** The path of a file for the memory. */
  readonly memory: string;
  readonly cacheDir: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Boots and arms the guest of a plan and saves it. The plan's crash kernel is loaded, where it has one, with no nonce;
 * scenario steps are left to the clones. Returns why there is none when the guest does not come that far, or its machine
 * cannot be saved: a run of the same plan that boots shows it in its verdict.
 */
export async function makeTemplate(
  plan: RunPlan,
  { name, directory, open, memory, cacheDir, signal, onEvent, clock = HOST_CLOCK }: TemplateOptions,
): Promise<Template | { readonly why: string }> {
  const recorder = openRecorder(directory, clock);
  const watch = new RunWatch(recorder, { limits: plan.limits, onEvent, clock });
  const unlimit = watch.limitWhole();
  const interrupt = () => watch.end('interrupted');
  signal?.addEventListener('abort', interrupt);
  let machine: Machine | undefined;
  try {
    if (signal?.aborted === true) throw new RunEnded('interrupted');
    machine = await open(plan, { directory, log: watch, origin: { kind: 'template', memory } });
    const guest = new Guest(machine, watch);
    await bootAndArm(guest, plan, cacheDir);
    const tookMs = recorder.nowMs();
    const state = await need(machine, 'snapshot').save();
    return {
      ...{ name, state, memory, tookMs, lastId: guest.shell.lastId },
      records: partOfClone(await readRecording(directory), tookMs),
    };
  } catch (error) {
    return { why: exitOf(watch.events) ?? watch.ended ?? messageOf(error) };
  } finally {
    unlimit();
    signal?.removeEventListener('abort', interrupt);
    await machine?.close();
    recorder.close();
  }
}

/** How QEMU ended, one line; undefined while it has not. SIGBUS: the host had no page for the guest's memory. */
function exitOf(events: readonly RunEvent[]): string | undefined {
  for (const event of events) {
    if (event.type !== 'host' || event.fact.fact !== 'qemu-exit' || event.fact.asked) continue;
    const { code, signal, stderr } = event.fact;
    const how = signal === null ? `with status ${code ?? 'unknown'}` : `by ${signal}`;
    const memory = signal === 'SIGBUS' ? ', for want of memory' : '';
    return `QEMU ended ${how}${memory}${stderr === '' ? '' : `: ${foldLine(stderr, 300)}`}`;
  }
  return undefined;
}

function bootAndArm(guest: Guest, plan: RunPlan, cacheDir: string | undefined): Promise<void> {
  const { kernel, captureKernel } = plan;
  const isArmed = plan.scenario.crashKernel === 'loaded';
  const symbols = kernelSymbols(guest, { cache: undefined, named: [] });
  const questions = guestQuestions(guest, {
    cpus: plan.machine.cpus,
    kernel: { bits: kernel.bits ?? 64, symbols },
    claims: plan.machine.prove ?? [],
    crashKernelLoaded: isArmed,
    proofs: [],
  });
  const kernels = { production: kernel, capture: captureKernel };
  const { captureAppend: append, append: firstAppend, loadSyscall } = plan;
  const crashKernel = isArmed ? { nonce: undefined, append, loadSyscall, firstAppend } : undefined;
  return bootGuest(
    guest,
    { release: kernel.release, crashKernel },
    { questions, symbols: knownSymbols(guest, { cacheDir, kernels }) },
  );
}

/** Facts about the template's own process: a clone has one of its own. */
const OWN: ReadonlySet<HostFact['fact']> = new Set(['qemu-started', 'qemu-exit', 'host-time', 'ended']);

function partOfClone(records: readonly RunRecord[], untilMs: number): RunRecord[] {
  return records.filter((record) => {
    if (atMsOf(record) > untilMs) return false;
    if (record.kind === 'host') return !OWN.has(record.record.fact);
    return record.kind === 'chunk';
  });
}

/** Writes a template's part of a clone's recording; returns the records as they are written, with their own times. */
export function* replayed(
  { records }: Template,
  { recorder, at }: { readonly recorder: Recorder; readonly at: (atMs: number) => void },
): Generator<RunRecord> {
  for (const record of records) {
    at(atMsOf(record));
    if (record.kind === 'chunk') yield recorder.chunk(record.channel, record.bytes);
    if (record.kind === 'host') {
      const { seq: _seq, atMs: _atMs, ...fact } = record.record;
      yield recorder.host(fact);
    }
  }
}

/**
 * The clock of a clone's recording: its own part continues where the template's ended. Deadlines count from the clone's
 * start.
 */
export function cloneClock(
  { tookMs }: Pick<Template, 'tookMs'>,
  clock: Clock,
): { readonly clock: Clock; readonly at: (atMs: number) => void; readonly begin: () => void } {
  const startMs = clock.nowMs();
  let nowMs: (() => number) | undefined = () => startMs;
  let beganMs = startMs;
  return {
    clock: {
      nowMs: () => nowMs?.() ?? clock.nowMs() - beganMs + startMs + tookMs,
      after: (forMs, act) => clock.after(forMs, act),
    },
    at(atMs) {
      nowMs = () => startMs + atMs;
    },
    begin() {
      nowMs = undefined;
      beganMs = clock.nowMs();
    },
  };
}
