import t from 'tap';
import type { LockedFact } from '../../model/locked-instructions.js';
import type { RecordedWord } from '../../model/recorded-calls.js';
import { madeCall, madeRecorded } from '../../testing/builders/recorded-calls.js';
import { STOCK_LOCKED, STOCK_WORDS } from '../../testing/builders/stock-flags.js';
import { contradictionIn } from '../../trigger/check-choreography.js';
import { atomicRounds, placeName } from './atomics.js';
import { crashFlags } from './flags.js';
import type { CrashLock } from './locks.js';
import { CONTEXTS } from './contexts.js';
import { holdScenario } from './hold-script.js';
import { atomicsScenario, findScenario } from './record-script.js';
import type { Holder, Setting } from './script.js';

/** As most sweeps. */
const SETTING: Setting = { context: 'hardirq', cpus: 2 };

const RECORDINGS = STOCK_WORDS.map((facts) => ({ facts, crasher: 0 }));
const STOCK = crashFlags(STOCK_LOCKED, { recordings: RECORDINGS, crasher: 0 });

function flagNamed(name: string): CrashLock {
  const flag = STOCK.flags.find((one) => one.name === name);
  if (flag === undefined) throw new Error(`no flag ${name}`);
  return flag;
}

/** The set step of a hold, and whether it comes before the panic. */
function setOf(flag: CrashLock, holder: Holder, setting = SETTING) {
  const scenario = holdScenario(flag, 4, { holder, ...setting });
  if (typeof scenario === 'string' || scenario.trigger.kind !== 'choreography') throw new Error('no script');
  const { steps } = scenario.trigger;
  t.equal(contradictionIn(steps, setting.cpus), undefined, scenario.summary);
  const at = steps.findIndex((step) => 'set' in step);
  const step = steps[at];
  return {
    name: scenario.name,
    step: step !== undefined && 'set' in step ? step.set : undefined,
    early: at < steps.findIndex((one) => 'fire' in one),
    released: steps.flatMap((one) => ('release' in one ? [one.release] : [])),
  };
}

t.test('flags are set in every context, before or after the other CPUs are held', async (t) => {
  for (const context of CONTEXTS) {
    for (const cpus of [1, 2, 4, 16]) {
      const setting = { context, cpus };
      for (const flag of STOCK.flags) {
        t.ok(setOf(flag, 'itself', setting).step, `${flag.name} ${context}`);
        if (cpus > 1) t.ok(setOf(flag, 'another', setting).step, `${flag.name} ${context}`);
        else t.equal(holdScenario(flag, 0, { holder: 'another', ...setting }), 'one CPU');
      }
      const [places = []] = atomicRounds(STOCK_LOCKED);
      for (const scenario of [findScenario(['panic'], setting), atomicsScenario(0, places, setting)]) {
        const { trigger } = scenario;
        t.equal(trigger.kind === 'choreography' ? contradictionIn(trigger.steps, cpus) : '', undefined);
      }
    }
  }
});

t.test('every locked instruction is recorded, three in a run', async (t) => {
  const rounds = atomicRounds(STOCK_LOCKED);
  t.ok(rounds.every((places) => places.length <= 3));
  t.strictSame(rounds.flat().slice(0, 2).map(placeName), [
    '__printk_cpu_sync_put+0xa',
    '__printk_cpu_sync_try_get+0xa',
  ]);
  const [first] = STOCK_LOCKED.functions;
  const ofLock = { ...STOCK_LOCKED, functions: first === undefined ? [] : [{ ...first, function: 'up' }] };
  t.equal(atomicRounds(ofLock).length, 1);
  const spinlock = {
    ...ofLock,
    functions: ofLock.functions.map((one) => ({ ...one, function: 'down_trylock' })),
  };
  t.strictSame(atomicRounds(spinlock), [], 'a lock function has the words of its locks');
});

t.test('the flags of a built 6.1, as the panicking CPU took them', async (t) => {
  t.strictSame(
    STOCK.flags.map(({ name, kind, word, sites }) => [
      name,
      kind,
      word,
      sites.map(({ how, from, phase, count }) => `${how} ${phase}: ${from} ${count}`),
    ]),
    [
      [
        'printk_cpu_sync_owner',
        'flag',
        { bytes: 4, was: '0xffffffff', to: '0x0', isCpu: true },
        ['cmpxchg before the shootdown: __printk_cpu_sync_try_get+0xa/0x2c 1'],
      ],
      [
        'panic_cpu',
        'flag',
        { bytes: 4, was: '0xffffffff', to: '0x0', isCpu: true },
        ['cmpxchg before the shootdown: panic+0x5d/0x29b 1'],
      ],
      [
        '__kexec_lock',
        'flag',
        { bytes: 4, was: '0x0', to: '0x1', isCpu: false },
        ['cmpxchg before the shootdown: kexec_trylock+0x7/0x15 1'],
      ],
    ],
  );
});

t.test('what takes no flag: its use, and what was not executed', async (t) => {
  const useOf = (place: string) => STOCK.atomics.find((atomic) => atomic.place === place)?.use;
  t.equal(useOf('crash_kexec+0xa'), 'not executed', 'the same word, on a path that was not taken');
  t.equal(useOf('prb_reserve+0x17e'), 'varies', 'another value in each record');
  t.equal(useOf('prb_reserve+0x134'), 'varies', 'another value each time');
  t.equal(useOf('prb_reserve_in_last+0x82'), 'busy');
  t.equal(useOf('panic+0x5d'), undefined, 'it is a flag');
  t.match(
    STOCK.atomics.find(({ place }) => place === 'prb_reserve+0x134'),
    { name: 'printk_rb_static+0x18', phases: ['before the shootdown'], count: 31 },
  );
});

t.test('a flag that names a CPU is held by the holder; both before the panic', async (t) => {
  const panicCpu = { variable: 'panic_cpu', bytes: 4, was: '0xffffffff' };
  t.match(setOf(flagNamed('panic_cpu'), 'another'), {
    ...{ name: 'crash-locks-004-another', step: { ...panicCpu, to: 1 }, early: true },
    released: ['crasher'],
  });
  t.match(setOf(flagNamed('panic_cpu'), 'itself'), {
    ...{ name: 'crash-locks-004-itself', step: { ...panicCpu, to: 0 }, early: true },
    released: ['all'],
  });
  const kexec = setOf(flagNamed('__kexec_lock'), 'another');
  t.match(kexec, { step: { variable: '__kexec_lock', was: '0x0', to: '0x1' }, early: true });
  t.strictSame(setOf(flagNamed('__kexec_lock'), 'itself'), kexec, 'one run for both');
});

const WORD: RecordedWord = { instruction: 'bts', bytes: 8, was: '0x0', bit: 3, writes: '0x8' };

/** Flags of one place `f+0x10`, recorded after the shootdown. */
function flagsOf(
  word: RecordedWord,
  data = { symbol: 'flags', offset: 8 } as { symbol: string; offset: number; cpu?: number },
) {
  const located: LockedFact = {
    fact: 'locked',
    functions: [
      {
        function: 'f',
        instructions: [{ offset: 0x10, instruction: word.instruction, text: '', used: true }],
        undecodable: 0,
      },
    ],
    missing: [],
  };
  const call = madeCall({ at: 'f+0x10', from: 'f+0x10/0x20', data, word });
  const facts = [madeRecorded('nmi_shootdown_cpus', []), madeRecorded('machine_kexec', [call])];
  return crashFlags(located, { recordings: [{ facts, crasher: 0 }], crasher: 0 });
}

t.test('a flag that is taken after the shootdown is set by the CPU that is stopped', async (t) => {
  const [flag] = flagsOf(WORD).flags;
  if (flag === undefined) throw new Error('no flag');
  t.equal(flag.name, 'flags+0x8 bit 3');
  const set = { variable: 'flags', offset: 8, bytes: 8, was: '0x0', to: '0x8' };
  t.match(setOf(flag, 'another'), {
    name: 'crash-locks-004-another',
    step: set,
    early: false,
    released: ['all'],
  });
  t.match(setOf(flag, 'itself'), { name: 'crash-locks-004-itself', step: set, early: true });
  const [copy] = flagsOf(WORD, { symbol: 'state', offset: 0, cpu: 1 }).flags;
  t.equal(copy?.name, 'state bit 3 of another CPU');
  t.match(copy === undefined ? undefined : setOf(copy, 'itself').step, { variable: 'state', of: 'other' });
});

t.test('near misses: a word that could not be read, and one that only looks like a CPU', async (t) => {
  const { word: _, ...call } = madeCall({ at: 'panic+0x5d', data: { symbol: 'panic_cpu', offset: 0 } });
  const unread = crashFlags(STOCK_LOCKED, {
    recordings: [{ facts: [madeRecorded('machine_kexec', [call])], crasher: 0 }],
    crasher: 0,
  });
  t.match(
    unread.atomics.find(({ place }) => place === 'panic+0x5d'),
    { use: 'unreadable' },
  );
  t.strictSame(unread.flags, []);
  const one: RecordedWord = { instruction: 'xchg', bytes: 4, was: '0x0', writes: '0x1' };
  t.match(flagsOf(one).flags, [{ word: { isCpu: false } }], 'a free word has 0: 1 is no CPU');
  const other: RecordedWord = { ...one, was: '0xffffffff' };
  t.match(flagsOf(other).flags, [{ word: { isCpu: false } }], 'not the number of the CPU that panics');
});
