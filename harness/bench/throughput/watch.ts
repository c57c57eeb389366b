import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { RECORDING } from '../../store/recorder.js';
import type { ConsoleReading } from './loop-phases.js';
import type { GuestMemory } from './turn.js';
import { findProgram, memoryOf, type ProcessTimes, timesOf } from './usage.js';

/** Often enough for a moment to be right to 20 ms; a look costs some 0.1 ms. */
const LOOK_EVERY_MS = 20;
/** A console, or a control channel, is looked at up to here. */
const MOST_BYTES = 4 * 1024 * 1024;

/** Looks at a contender every so often, from outside, until it has ended. Returns its end. */
export async function watched<T>(ended: Promise<T>, { look }: { readonly look: () => void }): Promise<T> {
  const timer = setInterval(look, LOOK_EVERY_MS);
  try {
    return await ended;
  } finally {
    clearInterval(timer);
  }
}

/** What is seen of a shell loop while it runs. */
export interface LoopSight {
  readonly readings: readonly ConsoleReading[];
  readonly memory: GuestMemory;
  /** CPU time of QEMU when it was last seen. */
  readonly guestMs: number;
}

/** A look at the shell loop `pid`, whose QEMU writes its console to `file`. */
export function loopSight(pid: number, { file, program }: { file: string; program: string }) {
  const readings: ConsoleReading[] = [];
  const memory = memoryReader({ armed: 'shell-loop: armed', captured: 'shell-loop: vmcore' });
  let qemu: number | undefined;
  let guestMs = 0;
  return {
    look: () => {
      qemu ??= findProgram(pid, program);
      if (qemu === undefined) return;
      const cpuMs = timesOf(qemu)?.ownMs;
      if (cpuMs === undefined) return;
      guestMs = Math.max(guestMs, cpuMs);
      const bytes = sizeOf(file);
      if (bytes === readings.at(-1)?.bytes) return;
      readings.push({ atMs: performance.now(), cpuMs, bytes });
      memory.read(file, qemu);
    },
    seen: (): LoopSight => ({ readings, memory: memory.seen(), guestMs }),
  };
}

/** What is seen of a run of crashpath while it runs. */
export interface RunSight {
  readonly beganMs: number;
  /** CPU times of crashpath's process then. */
  readonly atBegin: ProcessTimes;
  readonly memory: GuestMemory;
}

/** A look at the campaign in `directory` of the crashpath `pid`. */
export function campaignSight(pid: number, { directory }: { directory: string }) {
  const runs = new Map<
    string,
    Omit<RunSight, 'memory'> & { memory: ReturnType<typeof memoryReader>; qemu?: number | undefined }
  >();
  return {
    look: () => {
      for (const name of runNames(directory)) {
        const path = join(directory, name);
        const run = runs.get(name) ?? {
          beganMs: performance.now(),
          atBegin: timesOf(pid) ?? { ownMs: 0, childrenMs: 0 },
          memory: memoryReader({ armed: '"ev":"firing"', captured: '"ev":"capture-done"' }),
        };
        runs.set(name, run);
        if (run.memory.isDone()) continue;
        run.qemu ??= startedQemu(join(path, RECORDING.host));
        if (run.qemu !== undefined) run.memory.read(join(path, RECORDING.control), run.qemu);
      }
    },
    seen: (name: string): RunSight | undefined => {
      const run = runs.get(name);
      return run === undefined ? undefined : { ...run, memory: run.memory.seen() };
    },
  };
}

/** Reads the memory of a process once when a word appears in a file, and once more when a second one does. */
function memoryReader(words: { readonly armed: string; readonly captured: string }) {
  const seen: { armed: GuestMemory['armed']; captured: GuestMemory['captured'] } = {
    armed: null,
    captured: null,
  };
  const open = new Set(['armed', 'captured'] as const);
  let size = 0;
  return {
    read(file: string, pid: number) {
      const bytes = sizeOf(file);
      if (bytes === size || open.size === 0) return;
      size = bytes;
      const text = textOf(file);
      for (const which of open) {
        if (!text.includes(words[which])) continue;
        open.delete(which);
        seen[which] = memoryOf(pid) ?? null;
      }
    },
    isDone: () => open.size === 0,
    seen: (): GuestMemory => ({ ...seen }),
  };
}

/** The pid in the fact `qemu-started`, which a clone's recording has after its template's part. */
function startedQemu(file: string): number | undefined {
  const [, pid] = /"fact":"qemu-started","pid":(\d{1,10})/.exec(textOf(file)) ?? [];
  return pid === undefined ? undefined : Number(pid);
}

/** Directories of runs, `001-NAME`. */
function runNames(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => /^\d{3,}-/.test(name));
  } catch {
    return [];
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function textOf(file: string): string {
  const bytes = sizeOf(file);
  return bytes === 0 || bytes > MOST_BYTES ? '' : readFileSync(file, 'latin1');
}
