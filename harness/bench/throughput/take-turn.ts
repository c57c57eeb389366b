import { readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { PACKAGE_ROOT } from '../../cli/context.js';
import { signalGroup } from '../../host/process-group.js';
import { foldLine } from '../../model/escape.js';
import { harnessFault } from '../../model/fault.js';
import { atMsOf } from '../../model/record.js';
import { type RunResult, RunResultSchema } from '../../model/result.js';
import { VERDICTS } from '../../model/verdict.js';
import { readRecording } from '../../store/read-recording.js';
import { rejudge } from '../../store/rejudge.js';
import { crashpathWords, type Letter, type RunWords, type Turn, turnName } from './contenders.js';
import { loopCosts } from './loop-phases.js';
import { recordedCosts } from './phases.js';
import type { SeenRun, TakenTurn } from './turn.js';
import { peakOf, type ProcessTimes, timesOf } from './usage.js';
import { campaignSight, loopSight, type RunSight, watched } from './watch.js';

const MAIN = join(PACKAGE_ROOT, 'dist/cli/main.js');
const LOOP = join(PACKAGE_ROOT, 'scripts/bench/shell-loop');
/** After a signal, crashpath closes its recordings; what is left after so long is killed. */
const KILL_AFTER_MS = 15_000;
/** Of a contender's last line, for a message. */
const SAID_LENGTH = 300;

/** What all turns share. */
export interface TurnOptions {
  readonly words: RunWords;
  readonly loop: {
    readonly bzImage: string;
    readonly environment: Readonly<Record<string, string>>;
    /** Holds its image and its console. */
    readonly directory: string;
    readonly timeoutSeconds: number;
  };
  readonly signal: AbortSignal;
  /** So many runs of the turn have ended. */
  readonly onRunEnd?: ((ended: number) => void) | undefined;
}

/** Builds the loop's image, so that no turn does. Throws a harness fault. */
export async function prepareLoop({ loop, signal }: TurnOptions): Promise<void> {
  const { exitCode, stderr } = await startLoop(loop, { cycles: 0, signal });
  if (exitCode === 0 || signal.aborted) return;
  throw harnessFault(`cannot prepare "${LOOP}": ${lastLine(stderr)}; it needs busybox, kexec and ldd`);
}

/** Takes a turn: one process, from its start to its end, watched from outside. Undefined when it was stopped. */
export async function takeTurn(turn: Turn, options: TurnOptions): Promise<TakenTurn | undefined> {
  const taken = turn.letter === 'a' ? await takeLoop(turn, options) : await takeRuns(turn, options);
  return options.signal.aborted ? undefined : taken;
}

async function takeLoop(turn: Turn, { loop, signal }: TurnOptions): Promise<TakenTurn> {
  const file = join(loop.directory, 'console');
  await rm(file, { force: true });
  const treeMs = childrenMs();
  const beganMs = performance.now();
  const child = startLoop(loop, { cycles: 1, signal });
  const sight = loopSight(child.pid ?? 0, { file, program: basename(loop.environment['QEMU'] ?? '') });
  const { exitCode, stdout, stderr } = await watched(child, sight);
  const endedMs = performance.now();
  const { readings, memory, guestMs } = sight.seen();
  const costs = loopCosts(await readFile(file, 'latin1').catch(() => ''), readings, {
    begin: { atMs: beganMs, cpuMs: 0 },
    end: { atMs: endedMs, cpuMs: guestMs },
  });
  return {
    ...turn,
    wallMs: endedMs - beganMs,
    cpuMs: childrenMs() - treeMs,
    nodeMs: null,
    peakKiB: null,
    runs: [],
    cycle: { costs, guestMs, memory },
    ...(exitCode === 0 ? {} : { failed: lastLine(stdout || stderr) }),
  };
}

async function takeRuns(turn: Turn, { words, signal, onRunEnd }: TurnOptions): Promise<TakenTurn> {
  const { letter, round } = turn;
  if (letter === 'a') throw new Error('the loop is no run of crashpath');
  const treeMs = childrenMs();
  const spawnedMs = performance.now();
  const child = start(process.execPath, [MAIN, ...crashpathWords({ letter, round }, words)], {
    signal,
  });
  const pid = child.pid ?? 0;
  const directory = join(words.out, turnName(turn));
  const sight = campaignSight(pid, { directory });
  const ended: EndedRun[] = [];
  let peakKiB = 0;
  const read = async () => {
    for await (const line of child.iterable({ preserveNewlines: false })) {
      const endedMs = performance.now();
      const atEnd = timesOf(pid);
      peakKiB = Math.max(peakKiB, peakOf(pid) ?? 0);
      const result = RunResultSchema.safeParse(parsed(line)).data;
      if (result === undefined || atEnd === undefined) continue;
      ended.push({ result, endedMs, atEnd });
      onRunEnd?.(ended.length);
    }
  };
  const [{ exitCode, stderr }] = await watched(Promise.all([child, read()]), sight);
  const wallMs = performance.now() - spawnedMs;
  const cpuMs = childrenMs() - treeMs;
  // A run that is alone in its process has that process's start and end in its phases.
  const alone = ended.length === 1 ? { fromMs: spawnedMs, untilMs: spawnedMs + wallMs } : undefined;
  const runs: SeenRun[] = [];
  for (const one of ended) {
    const seen = sight.seen(one.result.runId);
    if (seen !== undefined)
      runs.push(await seenRun(join(directory, one.result.runId), { ...one, ...seen, alone, letter }));
  }
  const last = ended.at(-1);
  // Every child is reaped by then; what comes after is node's own.
  const nodeMs = last === undefined ? null : cpuMs - last.atEnd.childrenMs;
  // A hang is not what the scenario expects.
  const isComplete = letter === 'e' ? runs.length > 0 : exitCode === 0;
  const others = runs.filter(({ isExpected }) => !isExpected).map(({ verdict }) => verdict);
  const why = others.length > 0 ? others.join(', ') : lastLine(stderr);
  return {
    ...turn,
    ...{ wallMs, cpuMs, nodeMs, runs, cycle: null },
    peakKiB: peakKiB === 0 ? null : peakKiB,
    ...(isComplete && others.length === 0 ? {} : { failed: why || `exit code ${exitCode}` }),
  };
}

/** A result that crashpath has printed, with its process's CPU times then. */
interface EndedRun {
  readonly result: RunResult;
  readonly endedMs: number;
  readonly atEnd: ProcessTimes;
}

/** What a run cost, by its recording. */
async function seenRun(
  directory: string,
  {
    result,
    endedMs,
    atEnd,
    beganMs,
    atBegin,
    memory,
    alone,
    letter,
  }: EndedRun &
    RunSight & {
      readonly letter: Letter;
      readonly alone: { readonly fromMs: number; readonly untilMs: number } | undefined;
    },
): Promise<SeenRun> {
  const records = await readRecording(directory);
  const templateMs = result.clone !== undefined && 'template' in result.clone ? result.clone.tookMs : null;
  const lastMs = atMsOf(records.at(-1) ?? unrecorded(directory)) - (templateMs ?? 0);
  const costs = recordedCosts(records, (await rejudge(directory)).events, {
    beforeMs: alone === undefined ? 0 : beganMs - alone.fromMs,
    afterMs: Math.max(0, (alone?.untilMs ?? endedMs) - beganMs - lastMs),
  });
  return {
    ...{ runId: result.runId, beganMs, endedMs, atBegin, atEnd, costs, memory },
    isClone: templateMs !== null,
    templateMs,
    isExpected: letter === 'e' ? isHang(result) : result.outcome === 'expected',
    verdict: `${result.verdict}/${result.detail}`,
  };
}

function isHang({ verdict }: RunResult): boolean {
  return VERDICTS[verdict].trialClass === 'hung';
}

function startLoop(
  { bzImage, timeoutSeconds, directory, environment }: TurnOptions['loop'],
  { cycles, signal }: { readonly cycles: number; readonly signal: AbortSignal },
) {
  return start(LOOP, [bzImage, `${cycles}`, `${timeoutSeconds}`, directory], { signal, environment });
}

/**
 * Starts a contender as the leader of a process group, which gets SIGTERM when the bench is stopped. When the bench is
 * killed, crashpath gets it by the kernel; a cycle of the loop ends by its timeout.
 */
function start(
  program: string,
  words: readonly string[],
  {
    signal,
    environment = {},
  }: { readonly signal: AbortSignal; readonly environment?: Readonly<Record<string, string>> },
) {
  const child = execa('setpriv', ['--pdeathsig', 'TERM', program, ...words], {
    env: { ...environment, NO_COLOR: '1' },
    stdin: 'ignore',
    reject: false,
    detached: true,
    cleanup: false,
  });
  let kill: NodeJS.Timeout | undefined;
  const stop = () => {
    signalGroup(child.pid, 'SIGTERM');
    kill = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), KILL_AFTER_MS);
  };
  const stopAtExit = () => signalGroup(child.pid, 'SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  process.once('exit', stopAtExit);
  if (signal.aborted) stop();
  void child.finally(() => {
    signal.removeEventListener('abort', stop);
    process.off('exit', stopAtExit);
    clearTimeout(kill);
  });
  return child;
}

function lastLine(said: string): string {
  return foldLine(said.trimEnd().split('\n').at(-1) ?? '', SAID_LENGTH);
}

/** CPU time of all children of this process that have ended, and of theirs. */
function childrenMs(): number {
  const times = timesOf('self');
  if (times !== undefined) return times.childrenMs;
  throw harnessFault('cannot measure CPU time: /proc/self/stat cannot be read; mount /proc');
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function unrecorded(run: string): never {
  throw harnessFault(`cannot read recording "${run}": it is empty; is the disk full?`);
}
