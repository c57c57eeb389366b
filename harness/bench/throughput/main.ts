#!/usr/bin/env node
/** `npm run bench`: a shell loop, fresh runs, clones, and a proved hang, in turns. docs/performance.md. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { hideBin } from 'yargs/helpers';
import { freshCampaignName } from '../../cli/actions/campaigns.js';
import { interruptible } from '../../cli/actions/interruptible.js';
import { prepareOptions, say } from '../../cli/context.js';
import { outDirectory } from '../../cli/directories.js';
import { EXIT, Fault, usageFault } from '../../model/fault.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { planRuns } from '../../prepare/plan-runs.js';
import { storeFault } from '../../store/store-fault.js';
import { carryOut } from '../carry-out.js';
import { choiceWords, type RunChoices } from './choices.js';
import { CONTENDERS, type Letter, loopEnvironment, runsOf, turnsOf } from './contenders.js';
import { goalsOf } from './goals.js';
import { type Bench, FLOOR, floorOf, hangOf, summaryOf } from './summary.js';
import { prepareLoop, takeTurn, type TurnOptions } from './take-turn.js';
import { benchText } from './text.js';
import { captureCost, type TakenTurn } from './turn.js';
import { LOOP_TIMEOUT_SECONDS, type Words, wordsOf } from './words.js';

const MIB = 1024 * 1024;

await carryOut('bench', async () => {
  const argv = await wordsOf(hideBin(process.argv));
  const stop = interruptible();
  const own = argv.out === undefined ? await mkdtemp(join(tmpdir(), 'crashpath-bench-')) : undefined;
  try {
    const out = own ?? (await openedOut(argv.out ?? ''));
    const loadBefore = loadavg()[0] ?? 0;
    const { plan, letters } = await prepared(argv);
    const options = turnOptions(argv, { plan, out, signal: stop.signal });
    if (letters.includes('a')) {
      await mkdir(options.loop.directory, { recursive: true });
      await prepareLoop(options);
    }
    const turns = await taken(letters, { rounds: argv.rounds, options });
    const bench = benchOf(turns, { argv, plan, letters, loadBefore, stopped: stop.signal.aborted });
    process.stdout.write(argv.json ? `${JSON.stringify(bench)}\n` : `${benchText(bench)}\n`);
    if (own === undefined) say(`recordings: ${out}`);
    if (stop.caught !== undefined) return 128 + stop.caught.number;
    return turns.some(({ failed }) => failed !== undefined) ? EXIT.unexpected : EXIT.expected;
  } finally {
    stop.release();
    if (own !== undefined) await rm(own, { recursive: true, force: true });
  }
});

/** Makes a directory for this bench below the one that was named. */
async function openedOut(given: string): Promise<string> {
  const out = join(outDirectory(given), freshCampaignName(new Date(), 'bench'));
  try {
    await mkdir(out, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storeFault('use the output directory', given, error);
  }
  return out;
}

/**
 * Fetches or builds the kernels, builds the images and proves the accelerator, so that no turn does. A kernel for the hang
 * that cannot be had leaves that contender out.
 */
async function prepared(argv: Words): Promise<{ plan: RunPlan; letters: Letter[] }> {
  const planned = (scenario: string, kernel: string, choices: RunChoices = {}) =>
    planRuns(
      {
        scenario: [scenario],
        kernel: [kernel],
        repeat: 1,
        accel: argv.accel,
        timeoutScale: argv.timeoutScale,
        ...choices,
      },
      { ...prepareOptions(), campaign: 'bench' },
    );
  const [plan] = await planned('sysrq-task', argv.kernel);
  if (plan === undefined)
    throw usageFault(`cannot bench "${argv.kernel}": it has no run; name another kernel`);
  await planned('sysrq-task', argv.kernel, choicesIn(argv));
  if (!argv.only.includes('e')) return { plan, letters: argv.only };
  try {
    await planned('ioapic-lock-held', argv.hangKernel);
    return { plan, letters: argv.only };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    say(`left out: ${CONTENDERS.e.what}: ${error.message}`);
    return { plan, letters: argv.only.filter((letter) => letter !== 'e') };
  }
}

function choicesIn({ repack, vmcore, memory, append, captureAppend }: Words): RunChoices {
  return { repack, vmcore, memory, append, captureAppend };
}

function turnOptions(
  argv: Words,
  { plan, out, signal }: { readonly plan: RunPlan; readonly out: string; readonly signal: AbortSignal },
): TurnOptions {
  const { kernel, hangKernel, clones, timeoutScale } = argv;
  const { accel, unproved } = plan.accel;
  return {
    words: {
      ...{ kernel, hangKernel, clones, timeoutScale, out: join(out, 'runs') },
      accel: unproved === undefined ? accel : 'kvm-unproved',
      choices: choicesIn(argv),
    },
    loop: {
      bzImage: plan.kernel.bzImage,
      environment: loopEnvironment(plan.qemu, plan),
      directory: join(out, 'loop'),
      timeoutSeconds: LOOP_TIMEOUT_SECONDS * timeoutScale,
    },
    signal,
  };
}

/** Takes the turns one after the other, until all are taken or the bench is stopped. */
async function taken(
  letters: readonly Letter[],
  { rounds, options }: { readonly rounds: number; readonly options: TurnOptions },
): Promise<TakenTurn[]> {
  const turns: TakenTurn[] = [];
  const all = turnsOf(letters, rounds);
  for (const turn of all) {
    if (options.signal.aborted) break;
    say(`[${turns.length + 1}/${all.length}] round ${turn.round}: ${CONTENDERS[turn.letter].what}`);
    const runs = runsOf(turn, options.words);
    const onRunEnd = (ended: number) => {
      if (runs > 1) say(`[${turns.length + 1}/${all.length}] ${ended} of ${runs} runs have ended`);
    };
    const one = await takeTurn(turn, { ...options, onRunEnd });
    if (one === undefined) break;
    turns.push(one);
    say(`[${turns.length}/${all.length}] ${costLine(one)}`);
  }
  return turns;
}

function costLine(turn: TakenTurn): string {
  if (turn.failed !== undefined) return `not counted: ${turn.failed}`;
  const cost = captureCost(turn);
  if (cost === undefined) return 'ended';
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  return `${seconds(cost.wallMs)} s a capture, CPU ${seconds(cost.guestMs)} s in QEMU and ${seconds(cost.harnessMs)} s beside it`;
}

function benchOf(
  turns: readonly TakenTurn[],
  {
    argv,
    plan,
    letters,
    loadBefore,
    stopped,
  }: { argv: Words; plan: RunPlan; letters: readonly Letter[]; loadBefore: number; stopped: boolean },
): Bench {
  const cpus = availableParallelism();
  const contenders = letters.map((letter) => summaryOf(letter, turns, { cpus }));
  const hang = hangOf(turns, LOOP_TIMEOUT_SECONDS * argv.timeoutScale * 1000);
  return {
    schema: 1,
    kind: 'bench',
    kernel: plan.kernel.label,
    hangKernel: argv.hangKernel,
    accel: plan.accel.accel,
    qemu: plan.qemu.version,
    host: { cpus, memoryMiB: Math.round(totalmem() / MIB), loadBefore },
    rounds: argv.rounds,
    chosen: choiceWords(choicesIn(argv)),
    stopped,
    contenders,
    floor: { cpuMs: floorOf(turns), how: FLOOR },
    hang,
    goals: goalsOf({ contenders, hang }),
  };
}
