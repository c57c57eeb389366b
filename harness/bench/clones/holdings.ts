import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../../stats/median.js';

/** What a process holds at a moment. */
export interface Holdings {
  /** Results that it had printed. */
  readonly ended: number;
  readonly rssKiB: number;
  readonly threads: number;
  /** Processes that it has started and not waited for, ended ones too. */
  readonly children: number;
  readonly files: number;
  readonly sockets: number;
  /** Pipes, and descriptors of the kernel's own kinds. */
  readonly others: number;
  /** Files without a name in /dev/shm, the memory of templates. */
  readonly templates: number;
}
type Kind = Exclude<keyof Holdings, 'ended'>;

const KINDS: readonly Kind[] = ['rssKiB', 'threads', 'children', 'files', 'sockets', 'others', 'templates'];
/** Node's heap is as large as its last collection left it: the least of many runs is compared, and may grow by so much. */
const MEMORY_KIB = 32 * 1024;
const MEMORY_RUNS = 400;
/** Runs of which no later ones differ: everything is loaded, and the caches are full. */
const WARM = 1 / 4;

/** What grew. Pure. */
export interface Growth {
  readonly kind: Kind;
  /** In the second quarter of the runs, and in the last one: of memory the least, of the others the median. */
  readonly before: number;
  readonly after: number;
  /** Undefined: there were too few runs to tell. */
  readonly leaks: boolean | undefined;
}

/**
 * Compares the second quarter of a campaign with its last one: `runs` is the number of all. Guests come and go, so that
 * counts wander; a leak shifts their median. Memory leaks when its least has grown by more than 32 MiB; campaigns of fewer
 * than 400 runs do not show that. Undefined when one of the quarters was not looked at. Pure.
 */
export function growthOf(
  seen: readonly Holdings[],
  { runs }: { readonly runs: number },
): Growth[] | undefined {
  const between = (from: number, to: number) =>
    seen.filter(({ ended }) => ended >= from * runs && ended < to * runs);
  const early = between(WARM, 2 * WARM);
  const late = between(1 - WARM, 1);
  if (early.length === 0 || late.length === 0) return undefined;
  return KINDS.map((kind) => {
    const isMemory = kind === 'rssKiB';
    const level = (looks: readonly Holdings[]) => {
      const values = looks.map((one) => one[kind]);
      return isMemory ? Math.min(...values) : median(values);
    };
    const [before, after] = [level(early), level(late)];
    const leaks = after > before + (isMemory ? MEMORY_KIB : 0);
    return { kind, before, after, leaks: isMemory && runs < MEMORY_RUNS ? undefined : leaks };
  });
}

/** Looks at what a process holds, every `everyMs`, until `ended`; `printed` counts its results. */
export async function holdingsUntil(
  ended: Promise<unknown>,
  {
    pid,
    everyMs,
    printed,
  }: { readonly pid: number; readonly everyMs: number; readonly printed: () => number },
  show: (one: Holdings) => void,
): Promise<Holdings[]> {
  const seen: Holdings[] = [];
  const end = new AbortController();
  void ended.finally(() => end.abort());
  while (!end.signal.aborted) {
    const now = holdingsOf(pid, printed());
    if (now !== undefined) {
      seen.push(now);
      show(now);
    }
    await sleep(everyMs, undefined, { signal: end.signal }).catch(() => undefined);
  }
  return seen;
}

/** What a process holds now; undefined when it is gone. */
export function holdingsOf(pid: number, ended: number): Holdings | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const number = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    const targets = descriptorsOf(pid);
    const count = (is: (target: string) => boolean) => targets.filter(is).length;
    const isTemplate = (target: string) => target.startsWith('/dev/shm/');
    const isFile = (target: string) => target.startsWith('/') && !isTemplate(target);
    const isSocket = (target: string) => target.startsWith('socket:');
    return {
      ended,
      rssKiB: number('VmRSS'),
      threads: number('Threads'),
      children: readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).length,
      files: count(isFile),
      sockets: count(isSocket),
      others: count((target) => !isTemplate(target) && !isFile(target) && !isSocket(target)),
      templates: count(isTemplate),
    };
  } catch {
    return undefined;
  }
}

function descriptorsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      // It was closed meanwhile.
      return [];
    }
  });
}
