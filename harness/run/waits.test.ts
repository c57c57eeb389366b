import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Machine } from '../machine/machine.js';
import { recordedMachine } from '../machine/recorded/open.js';
import { atMsOf, type RunRecord } from '../model/record.js';
import { readRecording } from '../store/read-recording.js';
import { readPlan } from '../store/run-directory.js';
import { PARKED } from '../testing/builders/runs.js';
import { stillDebugger } from '../testing/fakes/still-debugger.js';
import { TESTDATA } from '../testing/recordings/fixtures.js';
import { executeRun } from './execute-run.js';

/**
 * What a run waits for beyond its guest. The guests of recordings are made so fast that nothing hides behind them: the
 * clock of the replay shows only the timers for which the run itself waits. Work costs nothing on this clock.
 */

/** A guest of 20 s takes 20 ms. */
const FASTER = 1000;
/** 1 % of a run of 3 s: what a run may wait without a reason that is named below. */
const MOST_MS = 30;

/** The ends that users meet most, and the waits that prove them, milliseconds. */
const ENDS: Readonly<Record<string, { verdict: string; provedBy?: Record<string, number> }>> = {
  'captured-6.1': { verdict: 'captured' },
  'captured-6.12': { verdict: 'captured' },
  'captured-nmi': { verdict: 'captured' },
  'captured-silent-console': { verdict: 'captured' },
  'captured-vmcore-unreadable': { verdict: 'captured' },
  'capture-reset-before-banner': { verdict: 'capture-reset' },
  'crash-path-reset-without-panic': { verdict: 'crash-path-reset' },
  'purgatory-reset': { verdict: 'crash-path-reset' },
  'no-crash-kernel-reboot': { verdict: 'no-crash-kernel' },
  'no-panic-power-off': { verdict: 'no-panic' },
  'void-load-failed': { verdict: 'void' },
  'void-not-proved': { verdict: 'void' },
  'void-preparation-failed': { verdict: 'void' },
  // panic() is given the time to switch its interrupts on, and the guest to answer a question (`askAgainMs`).
  'no-crash-kernel': {
    verdict: 'no-crash-kernel',
    provedBy: { 'after the mark of the end': 2000, answer: 5000 },
  },
  // A trigger without a panic is watched for the scenario's `watchMs`.
  'no-panic-nmi': { verdict: 'no-panic', provedBy: { watchMs: 2000 } },
  // A panic of a kernel that is booting may be followed by a reset: 5 s.
  'boot-failed-panic': { verdict: 'boot-failed', provedBy: { 'a reset that may follow': 5000 } },
};

/** The files of a recording that hold times. */
const TIMED = ['chunks.jsonl', 'qmp.jsonl', 'samples.jsonl', 'host.jsonl'];

/** A copy of a recording in which everything comes sooner, on a host that does not count its time. */
async function copyFaster(name: string, copy: string): Promise<void> {
  const from = join(TESTDATA, name);
  for (const file of ['console.bin', 'control.bin', ...TIMED]) {
    const bytes = await readFile(join(from, file));
    await writeFile(join(copy, file), TIMED.includes(file) ? sooner(bytes.toString()) : bytes);
  }
}

function sooner(lines: string): string {
  return lines
    .split('\n')
    .filter((line) => !line.includes('"fact":"host-time"'))
    .map((line) => line.replace(/"atMs":([\d.]+)/, (_, atMs) => `"atMs":${Number(atMs) / FASTER}`))
    .join('\n');
}

/** When the guest did something for the last time. */
function lastOfGuest(records: readonly RunRecord[]): number {
  return Math.max(...records.map(atMsOf));
}

/** So that what needs a debugger is done as well. */
function withDebugger(machine: Machine): Machine {
  const { gdb } = stillDebugger([PARKED, PARKED]);
  return { ...machine, abilities: { ...machine.abilities, debugger: { connect: async () => gdb } } };
}

for (const [name, { verdict: expected, provedBy = {} }] of Object.entries(ENDS)) {
  const proofMs = Object.values(provedBy).reduce((sum, ms) => sum + ms, 0);
  t.test(`${name}: the run waits ${proofMs} ms for its proof, and not for itself`, async (t) => {
    const directory = t.testdir({ recording: {}, run: {} });
    const recording = join(directory, 'recording');
    await copyFaster(name, recording);
    const guestMs = lastOfGuest(await readRecording(recording));
    const { clock, open } = await recordedMachine(recording);
    const { verdict } = await executeRun(await readPlan(join(TESTDATA, name)), join(directory, 'run'), {
      open: async (_plan, place) => withDebugger(await open(place)),
      clock,
    });
    t.equal(verdict, expected);
    const tookMs = clock.nowMs();
    const text = `${tookMs} ms: the guest ${guestMs} ms, its proof ${proofMs} ms`;
    t.ok(tookMs >= proofMs && tookMs <= guestMs + proofMs + MOST_MS, text);
  });
}
