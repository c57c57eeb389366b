import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { RecordedFact } from '../model/recorded-calls.js';
import type { RunResult } from '../model/result.js';
import { RECORDING } from '../store/recorder.js';
import { writeJson } from '../store/stored-file.js';
import { ROUNDS } from '../sweep/crash-locks/lock-functions.js';
import { holdName, recordName } from '../sweep/crash-locks/script.js';
import { madeRecorded, STOCK_FACTS } from '../testing/builders/recorded-calls.js';
import { madePlan } from '../testing/builders/runs.js';
import { type LockSweepOptions, runLockSweep } from './run-lock-sweep.js';

interface MadeRun {
  readonly name: string;
  readonly verdict: RunResult['verdict'];
  readonly facts?: readonly RecordedFact[];
}

const NOTHING = [madeRecorded('nmi_shootdown_cpus', []), madeRecorded('machine_kexec', [])];

/** Recordings of all rounds: the first has what a built 6.1 has, the others nothing. */
const RECORDED: readonly MadeRun[] = ROUNDS.map((_, round) => ({
  name: recordName(round),
  verdict: 'captured',
  facts: round === 0 ? STOCK_FACTS : NOTHING,
}));

const HELD: readonly MadeRun[] = [
  { name: holdName(0, 'itself'), verdict: 'crash-path-hang' },
  { name: holdName(1, 'itself'), verdict: 'captured' },
  { name: holdName(2, 'another'), verdict: 'captured' },
  { name: holdName(2, 'itself'), verdict: 'captured' },
];

/** The directory of a sweep whose runs have all ended. */
async function sweepDirectory(t: Test, runs: readonly MadeRun[]): Promise<string> {
  const directory = t.testdir();
  const results: string[] = [];
  for (const { name, verdict, facts = [] } of runs) {
    const run = join(directory, `a-${name}-${results.length}`);
    await mkdir(run);
    await writeJson(join(run, 'plan.json'), madePlan({ cpus: 2 }));
    await writeJson(join(run, 'verdict.json'), resultOf(`a-${name}-${results.length}`, { name, verdict }));
    await writeFile(join(run, RECORDING.host), '');
    for (const [seq, fact] of facts.entries())
      await appendFile(join(run, RECORDING.host), `${JSON.stringify({ seq, atMs: 1, ...fact })}\n`);
    results.push(run);
  }
  return directory;
}

function resultOf(runId: string, { name, verdict }: MadeRun): RunResult {
  return {
    ...{ schema: 1, runId, campaign: 'c', scenario: name, trial: 1, kernel: 'k', kernelSha256: '' },
    ...{ captureKernel: 'k', captureKernelSha256: '', accel: 'tcg', verdict, detail: 'spin', degradedBy: [] },
    ...{ explanation: 'made', expected: 'captured', outcome: 'expected', lastPhase: null, phases: [] },
    ...{ evidence: [], durationMs: 1, directory: '/moved' },
  };
}

const NOTHING_IS_RUN: LockSweepOptions = {
  ...{ jobs: 1, cacheDir: undefined, locksMost: 60 },
  freshNonce: () => {
    throw new Error('a run was begun');
  },
};

const swept = async (t: Test, runs: readonly MadeRun[], options: Partial<LockSweepOptions> = {}) =>
  runLockSweep(
    await sweepDirectory(t, runs),
    { arm: 'a', template: madePlan({ cpus: 2 }) },
    { ...NOTHING_IS_RUN, ...options },
  );

t.test('a sweep that has all its runs is resumed without a new one', async (t) => {
  const plans: string[] = [];
  const sweep = await swept(t, [...RECORDED, ...HELD], { onPlan: (text) => void plans.push(text) });
  t.strictSame(plans, ['3 locks at 4 places; 4 runs']);
  t.match(sweep, { kind: 'map', map: { complete: true, unrecorded: [], missing: [] } });
  if (sweep.kind !== 'map') return;
  t.strictSame(
    sweep.map.locks.map(({ name, held }) => [name, held.another.end, held.itself.end]),
    [
      ['console_sem', 'not taken', 'hang'],
      ['serial8250_ports', 'not taken', 'captured'],
      ['ioapic_lock', 'captured', 'captured'],
    ],
  );
  t.equal(sweep.map.controls.length, ROUNDS.length);
});

t.test('a recording that failed twice is named, and the map is not complete', async (t) => {
  const failed = RECORDED.map((run, round) =>
    round === 3 ? { ...run, verdict: 'void' as const, facts: [] } : run,
  );
  const again = failed[3];
  if (again === undefined) throw new Error('no round');
  const sweep = await swept(t, [...failed, again, ...HELD]);
  t.match(sweep, {
    kind: 'map',
    map: { complete: false, unrecorded: [{ functions: ROUNDS[3]?.map(({ name }) => name), why: 'made' }] },
  });
});

t.test('half a recording is none: the crash path may take more behind it', async (t) => {
  const half = RECORDED.map((run, round) =>
    round === 0 ? { ...run, facts: STOCK_FACTS.map((fact) => ({ ...fact, reached: false })) } : run,
  );
  const sweep = await swept(t, half);
  t.match(sweep, { kind: 'map', map: { complete: false, locks: [] } });
});

t.test('nothing recorded is no map', async (t) => {
  const void1 = RECORDED.map((run) => ({ ...run, verdict: 'void' as const, facts: [] }));
  t.match(await swept(t, [...void1, ...void1]), { kind: 'no-map', why: 'made' });
});

t.test('a limit of locks leaves the rest not run', async (t) => {
  const sweep = await swept(t, [...RECORDED, ...HELD], { locksMost: 1 });
  t.match(sweep, { kind: 'map', map: { complete: false } });
});
