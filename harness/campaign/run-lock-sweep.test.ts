import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { LockTakersFact } from '../model/lock-takers.js';
import type { LockedFact } from '../model/locked-instructions.js';
import type { HostFact } from '../model/record.js';
import type { RunResult } from '../model/result.js';
import { RECORDING } from '../store/recorder.js';
import { writeJson } from '../store/stored-file.js';
import { confirmName, TAKERS_NAME } from '../sweep/crash-locks/confirm.js';
import { ROUNDS, takingFunctions } from '../sweep/crash-locks/lock-functions.js';
import { crashFlags } from '../sweep/crash-locks/flags.js';
import { crashLocks } from '../sweep/crash-locks/locks.js';
import { holdName, holdOf, holdScenario } from '../sweep/crash-locks/hold-script.js';
import { atomicsName, findName, firstLockScenario, recordName } from '../sweep/crash-locks/record-script.js';
import { madeRecorded, STOCK_FACTS } from '../testing/builders/recorded-calls.js';
import { STOCK_LOCKED, STOCK_WORDS } from '../testing/builders/stock-flags.js';
import type { Scenario } from '../plan/scenario.js';
import { madeAutopsy } from '../testing/builders/autopsies.js';
import { madePlan } from '../testing/builders/runs.js';
import { type LockSweepOptions, runLockSweep, settingOf } from './run-lock-sweep.js';

const SETTING = { context: 'hardirq', cpus: 2 } as const;

interface MadeRun {
  readonly name: string;
  readonly verdict: RunResult['verdict'];
  readonly facts?: readonly HostFact[];
}

const LOCKS = [
  ...crashLocks([{ facts: STOCK_FACTS, crasher: 0 }]),
  ...crashFlags(STOCK_LOCKED, {
    recordings: STOCK_WORDS.map((facts) => ({ facts, crasher: 0 })),
    crasher: 0,
  }).flags,
];

/** The scenario of a run with a held lock; any other one is not looked at. */
function scenarioOf(name: string, locks = LOCKS): Partial<Scenario> {
  const { index = -1, holder = 'itself' } = holdOf(name) ?? {};
  const lock = locks[index];
  const scenario = lock === undefined ? undefined : holdScenario(lock, index, { holder, ...SETTING });
  return typeof scenario === 'object' ? scenario : { name };
}

const NOTHING = [madeRecorded('nmi_shootdown_cpus', []), madeRecorded('machine_kexec', [])];

const NO_FLAGS: LockedFact = { fact: 'locked', functions: [], missing: [] };

/** Recordings of all rounds: the first has what a built 6.1 has, the others nothing; no locked instruction. */
const RECORDED: readonly MadeRun[] = [
  ...ROUNDS.map((_, round): MadeRun => {
    return {
      name: recordName(round, SETTING),
      verdict: 'captured',
      facts: round === 0 ? STOCK_FACTS : NOTHING,
    };
  }),
  { name: findName(SETTING), verdict: 'captured', facts: [NO_FLAGS] },
];

/** The same with the flags of a built 6.1. */
const FLAGS_RECORDED: readonly MadeRun[] = [
  ...RECORDED.slice(0, ROUNDS.length),
  { name: findName(SETTING), verdict: 'captured', facts: [STOCK_LOCKED] },
  ...STOCK_WORDS.map((facts, round): MadeRun => {
    return { name: atomicsName(round, SETTING), verdict: 'captured', facts };
  }),
];

const TAKERS: LockTakersFact = {
  ...{ fact: 'lock-takers', lock: 'console_sem', offset: 0, bytes: 4096, more: 0 },
  by: takingFunctions('spinlock'),
  takers: [
    { in: 'down_console_sem', offset: 7, callee: 'down', taken: { in: 'down', offset: 20 } },
    { in: '__up_console_sem.constprop.0', offset: 7, callee: 'up', taken: { in: 'up', offset: 37 } },
  ],
};

const ADDRESS = 'ffffffffbf4a4bc0';

/** The autopsy of a run in which a CPU waits for the spinlock of console_sem. */
function waiting(vcpu: number): HostFact {
  const lock = { name: 'console_sem', address: ADDRESS };
  return {
    fact: 'autopsy',
    autopsy: madeAutopsy({ waits: [{ vcpu, lock, function: '_raw_spin_lock_irqsave' }] }),
  };
}

const ON_CONSOLE_SEM: readonly HostFact[] = [
  { fact: 'called', function: '_raw_spin_trylock', args: [`0x${ADDRESS}`], returned: '0x1' },
  waiting(0),
];

const CONFIRMED: readonly MadeRun[] = [
  { name: TAKERS_NAME, verdict: 'captured', facts: [TAKERS] },
  // The CPU that came by is the one that panics.
  { name: confirmName(0, 'itself', 0), verdict: 'crash-path-hang', facts: [waiting(1)] },
];

const HELD: readonly MadeRun[] = [
  { name: holdName(0, { holder: 'itself', ...SETTING }), verdict: 'crash-path-hang', facts: ON_CONSOLE_SEM },
  { name: holdName(1, { holder: 'itself', ...SETTING }), verdict: 'captured' },
  { name: holdName(2, { holder: 'another', ...SETTING }), verdict: 'captured' },
  { name: holdName(2, { holder: 'itself', ...SETTING }), verdict: 'captured' },
];

/** The directory of a sweep whose runs have all ended. */
async function sweepDirectory(t: Test, runs: readonly MadeRun[], locks = LOCKS): Promise<string> {
  const directory = t.testdir();
  const results: string[] = [];
  for (const { name, verdict, facts = [] } of runs) {
    const run = join(directory, `a-${name}-${results.length}`);
    await mkdir(run);
    await writeJson(join(run, 'plan.json'), madePlan({ cpus: 2, scenario: scenarioOf(name, locks) }));
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
  const sweep = await swept(t, [...RECORDED, ...HELD, ...CONFIRMED], {
    onPlan: (text) => void plans.push(text),
  });
  t.strictSame(plans, [
    '3 locks at 4 places; 4 runs with one of them held; 0 left',
    '1 lock fatal if held; up to 1 run to confirm it; 0 left',
  ]);
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
  t.equal(sweep.map.controls.length, ROUNDS.length + 1, 'the run that finds locked instructions is one');
  t.match(sweep.map.locks[0]?.confirmed, {
    another: undefined,
    itself: {
      end: 'confirmed',
      takers: [
        { in: 'down_console_sem', stimulus: undefined },
        { in: '__up_console_sem.constprop.0', stimulus: 'messages to the kernel log' },
      ],
      tried: [{ in: '__up_console_sem.constprop.0' }],
    },
  });
});

t.test('flags follow the locks; one run stands for both holders of a word without a CPU', async (t) => {
  const flags: readonly MadeRun[] = [
    { name: holdName(3, { holder: 'another', ...SETTING }), verdict: 'crash-path-hang' },
    { name: holdName(3, { holder: 'itself', ...SETTING }), verdict: 'captured' },
    { name: holdName(4, { holder: 'another', ...SETTING }), verdict: 'crash-path-hang' },
    { name: holdName(4, { holder: 'itself', ...SETTING }), verdict: 'captured' },
    { name: holdName(5, { holder: 'another', ...SETTING }), verdict: 'crash-path-hang' },
  ];
  const plans: string[] = [];
  const sweep = await swept(t, [...FLAGS_RECORDED, ...HELD, ...CONFIRMED, ...flags], {
    onPlan: (text) => void plans.push(text),
  });
  t.equal(plans[0], '6 locks at 7 places; 9 runs with one of them held; 0 left');
  t.match(sweep, {
    kind: 'map',
    map: { complete: true, unseen: [{ function: 'vpanic' }, { function: 'serial_out' }] },
  });
  if (sweep.kind !== 'map') return;
  const { locks, atomics, controls } = sweep.map;
  t.equal(controls.length, ROUNDS.length + 1 + STOCK_WORDS.length);
  t.strictSame(
    locks
      .slice(3)
      .map(({ name, kind, held, confirmed }) => [
        ...[name, kind, held.another.end, held.itself.end],
        confirmed,
      ]),
    [
      ['printk_cpu_sync_owner', 'flag', 'hang', 'captured', {}],
      ['panic_cpu', 'flag', 'hang', 'captured', {}],
      ['__kexec_lock', 'flag', 'hang', 'hang', {}],
    ],
  );
  t.match(locks[4], { known: /panic_smp_self_stop/, early: true });
  t.ok(atomics?.some(({ place, use }) => place === 'crash_kexec+0xa' && use === 'not executed'));
});

t.test('without their search, or a recording, the map has no flags and is not complete', async (t) => {
  const search = { name: findName(SETTING), verdict: 'void' as const };
  const rounds = RECORDED.slice(0, ROUNDS.length);
  t.match(await swept(t, [...rounds, search, search, ...HELD, ...CONFIRMED]), {
    map: { complete: false, unrecorded: [{ functions: ['locked instructions'], why: 'made' }], atomics: [] },
  });
  const lost = FLAGS_RECORDED.map((run): MadeRun => {
    return run.name === atomicsName(3, SETTING) ? { name: run.name, verdict: 'void' } : run;
  });
  const again = { name: atomicsName(3, SETTING), verdict: 'void' as const };
  const more = [3, 4].flatMap((index): MadeRun[] => [
    { name: holdName(index, { holder: 'another', ...SETTING }), verdict: 'captured' },
    { name: holdName(index, { holder: 'itself', ...SETTING }), verdict: 'captured' },
  ]);
  const sweep = await swept(t, [...lost, again, ...HELD, ...CONFIRMED, ...more]);
  t.match(sweep, {
    map: {
      complete: false,
      unrecorded: [{ functions: ['panic+0x5d', 'kexec_trylock+0x7', 'irq_work_claim+0xa'] }],
    },
  });
});

t.test('a lock is confirmed by a run that hangs, by nothing else', async (t) => {
  const endWith = async (runs: readonly MadeRun[]) => {
    const sweep = await swept(t, [...RECORDED, ...HELD, ...runs]);
    return sweep.kind === 'map' ? [sweep.map.locks[0]?.confirmed.itself?.end, sweep.map.complete] : sweep.why;
  };
  const [search, hang] = CONFIRMED;
  if (search === undefined || hang === undefined) throw new Error('no runs');
  t.strictSame(await endWith([search, { ...hang, verdict: 'captured' }]), ['harmless there', true]);
  const lost = { ...hang, verdict: 'void' as const };
  t.strictSame(await endWith([search, lost, lost]), ['not reached', true]);
  t.strictSame(await endWith([search, lost, hang]), ['confirmed', true], 'a second try');
  const facts = (takers: LockTakersFact['takers']) => [{ ...search, facts: [{ ...TAKERS, takers }] }];
  t.strictSame(await endWith(facts(TAKERS.takers.slice(0, 1))), ['no stimulus', true]);
  t.strictSame(await endWith(facts([])), ['no taker', true]);
  const other = [{ ...search, facts: [{ ...TAKERS, by: ['mutex_lock'] }] }];
  t.strictSame(await endWith(other), ['not run', false], 'the mutex of that name was searched');
  t.strictSame(
    await endWith([
      { ...search, facts: [] },
      { ...search, facts: [] },
    ]),
    ['not run', false],
  );
});

t.test('a recording that failed twice is named, and the map is not complete', async (t) => {
  const failed = RECORDED.map((run, round) =>
    round === 3 ? { ...run, verdict: 'void' as const, facts: [] } : run,
  );
  const again = failed[3];
  if (again === undefined) throw new Error('no round');
  const sweep = await swept(t, [...failed, again, ...HELD, ...CONFIRMED]);
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
  if (sweep.kind !== 'map') return;
  t.match(sweep.map.unrecorded, [{ why: 'run a-crash-locks-record-1-0 (captured) has no whole recording' }]);
});

t.test('nothing recorded is no map', async (t) => {
  const void1 = RECORDED.map((run) => ({ ...run, verdict: 'void' as const, facts: [] }));
  t.match(await swept(t, [...void1, ...void1]), { kind: 'no-map', why: 'made' });
});

t.test('a limit of locks leaves the rest not run', async (t) => {
  const sweep = await swept(t, [...RECORDED, ...HELD.slice(0, 1), ...CONFIRMED], { locksMost: 1 });
  t.match(sweep, { kind: 'map', map: { complete: false } });
});

t.test('a lock is fatal when the recording of its run shows the wait for it', async (t) => {
  const [hung, ...rest] = HELD;
  if (hung === undefined) throw new Error('no run');
  const shown = await swept(t, [...RECORDED, ...HELD, ...CONFIRMED]);
  t.match(shown, { map: { locks: [{ held: { itself: { end: 'hang', blame: 'waits' } } }] } });
  const hidden = await swept(t, [...RECORDED, { ...hung, facts: [] }, ...rest]);
  t.match(hidden, { map: { locks: [{ held: { itself: { end: 'hang', blame: undefined } } }] } });
});

t.test('nor does a hang elsewhere confirm it', async (t) => {
  const [takers, confirming] = CONFIRMED;
  if (takers === undefined || confirming === undefined) throw new Error('no run');
  const sweep = await swept(t, [...RECORDED, ...HELD, takers, { ...confirming, facts: [waiting(0)] }]);
  t.match(sweep, { map: { locks: [{ confirmed: { itself: { end: 'not shown' } } }] } });
});

t.test('runs that held other locks, as after an upgrade, do not count', async (t) => {
  const directory = await sweepDirectory(t, [...RECORDED, ...HELD], LOCKS.toReversed());
  await t.rejects(runLockSweep(directory, { arm: 'a', template: madePlan({ cpus: 2 }) }, NOTHING_IS_RUN), {
    kind: 'usage',
    message: /run a-crash-locks-000-itself-11 is not what its sweep would run now/,
  });
});

t.test('a recording that was stopped announces no plan', async (t) => {
  const plans: string[] = [];
  await swept(t, RECORDED.slice(0, 3), {
    signal: AbortSignal.abort(),
    onPlan: (text) => void plans.push(text),
  });
  t.strictSame(plans, []);
});

t.test('the axes of a sweep are those of the guest that was planned', async (t) => {
  const of = (append: string, cpus = 4) => {
    const plan = madePlan({ cpus });
    return settingOf({ ...plan, append, scenario: firstLockScenario({ context: 'nmi', cpus }) });
  };
  t.strictSame(of('quiet'), { context: 'nmi', cpus: 4 });
  t.strictSame(of('nr_cpus=2'), { context: 'nmi', cpus: 2 }, 'the kernel does not start the others');
  t.strictSame(of('nosmp'), { context: 'nmi', cpus: 1 });
  t.strictSame(settingOf(madePlan({ cpus: 2 })), { context: 'hardirq', cpus: 2 }, 'near miss');
  const scenario = firstLockScenario({ context: 'task', cpus: 2, pstore: true });
  t.strictSame(settingOf({ ...madePlan({ cpus: 2 }), scenario }), { context: 'task', cpus: 2, pstore: true });
});

t.test('a limit that is lower than before does not undo what has run', async (t) => {
  const sweep = await swept(t, [...RECORDED, ...HELD, ...CONFIRMED], { locksMost: 1 });
  t.match(sweep, { kind: 'map', map: { complete: true } });
});

t.test(
  'a sweep that is stopped says nothing of what would follow; what follows leaves out flags',
  async (t) => {
    const plans: string[] = [];
    await swept(t, [...RECORDED, ...HELD], {
      signal: AbortSignal.abort(),
      onPlan: (text) => void plans.push(text),
    });
    t.strictSame(plans, []);
    const set: HostFact = {
      ...{
        fact: 'set',
        variable: 'panic_cpu',
        address: `0x${ADDRESS}`,
        bytes: 4,
        was: '0xffffffff',
        to: '0x1',
      },
    };
    const flags: readonly MadeRun[] = [
      { name: holdName(3, { holder: 'another', ...SETTING }), verdict: 'captured' },
      { name: holdName(3, { holder: 'itself', ...SETTING }), verdict: 'captured' },
      {
        name: holdName(4, { holder: 'another', ...SETTING }),
        verdict: 'crash-path-hang',
        facts: [set, waiting(0)],
      },
      { name: holdName(4, { holder: 'itself', ...SETTING }), verdict: 'captured' },
      { name: holdName(5, { holder: 'another', ...SETTING }), verdict: 'captured' },
    ];
    await swept(t, [...FLAGS_RECORDED, ...HELD, ...CONFIRMED, ...flags], {
      onPlan: (text) => void plans.push(text),
    });
    t.equal(
      plans[1],
      '2 locks fatal if held, 1 of them can be followed up (flags are not); up to 1 run to confirm it; 0 left',
    );
  },
);
