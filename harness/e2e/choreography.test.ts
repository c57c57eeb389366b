import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { LockTakersFactSchema } from '../model/lock-takers.js';
import { LockedFactSchema } from '../model/locked-instructions.js';
import { RecordedFactSchema } from '../model/recorded-calls.js';
import {
  evidenceOf,
  judgedAgain,
  type RealRun,
  runMade,
  runScenario,
} from '../testing/guests/run-scenario.js';
import { qemusUnder } from '../testing/processes.js';

/** Runs a scenario whose steps are given as YAML lines. */
function runSteps(t: Test, steps: readonly string[]): Promise<RealRun> {
  return runMade(t, [
    'trigger:',
    '  kind: choreography',
    '  steps:',
    ...steps.map((step) => `    - ${step}`),
    'expect: { verdict: captured }',
  ]);
}

t.test(
  'the 2012 state on a stock kernel, KASLR on: the lock is proved held, and the kernel is captured',
  async (t) => {
    const run = await runScenario(t, 'ioapic-lock-held');
    t.equal(run.exitCode, 0, run.stderr);
    const { result } = run;
    t.match(result, { verdict: 'captured', outcome: 'expected', lastPhase: 'vmcore-verified' });
    const proofs = evidenceOf(result, 'proof');
    t.ok(
      proofs.some((proof) =>
        /"ioapic_lock is held","proved":true,"saw":"lock word 0x[0-9a-f]*1"/.test(proof),
      ),
    );
    t.ok(proofs.some((proof) => /holder is in mask_ioapic_irq.*"proved":true/.test(proof)));
    const console = await readFile(join(result.directory, 'console.bin'), 'latin1');
    t.match(
      console,
      /Kernel panic - not syncing: crashpath \S+: directed panic of cpu\d/,
      'the message names the run',
    );
    t.notMatch(console, /nokaslr/);
    t.strictSame(await judgedAgain(run), result, 'classify gives the stored verdict');
    t.strictSame(await qemusUnder(run.out), [], 'no QEMU is left');
  },
);

t.test('a symbol that the kernel does not have is void, with the nearest names', async (t) => {
  const { result, exitCode } = await runSteps(t, [
    'hold: { as: holder, at: mask_ioapic_irqs }',
    'prove: { lock: ioapic_lock, held: true }',
    'fire: { role: holder }',
    'release: all',
  ]);
  t.match(result, { verdict: 'void', detail: 'state-not-proved' });
  t.match(result.explanation, /mask_ioapic_irqs.*nearest: mask_ioapic_irq/);
  t.equal(exitCode, 2);
});

t.test('a location that is never reached is void, with the state of each vCPU', async (t) => {
  const { result, exitCode } = await runSteps(t, [
    'hold: { as: holder, at: panic_smp_self_stop, withinMs: 1500 }',
    'prove: { role: holder, interrupts: off }',
    'fire: { role: holder }',
    'release: all',
  ]);
  t.match(result, { verdict: 'void', detail: 'state-not-proved' });
  t.match(result.explanation, /reach panic_smp_self_stop within 1500 ms.*cpu0 .*cpu1 /);
  t.equal(exitCode, 2);
});

t.test('another state than the required one is void', async (t) => {
  const { result } = await runSteps(t, [
    'run: { as: crasher, to: sysvec_apic_timer_interrupt }',
    'prove: { role: crasher, interrupts: on }',
    'fire: { role: crasher }',
    'release: all',
  ]);
  t.match(result, { verdict: 'void', detail: 'state-not-proved' });
  t.match(result.explanation, /crasher has interrupts on/);
});

t.test("a variable's value before firing; the guest continues and is captured", async (t) => {
  const { result } = await runMade(t, [
    'prove:',
    '  - { variable: panic_cpu, equals: -1 }',
    '  - { variable: crash_kexec_post_notifiers, type: u8, equals: 0 }',
    'trigger: { kind: sysrq, key: c }',
    'expect: { verdict: captured }',
  ]);
  t.match(result, { verdict: 'captured', outcome: 'expected' }, result.explanation);
  t.ok(
    evidenceOf(result, 'proof').some((proof) =>
      /"panic_cpu = -1","proved":true,"saw":"-1 \(s32 0xffffffff\)"/.test(proof),
    ),
  );
});

t.test('a variable with another value is void, with the value', async (t) => {
  const { result } = await runSteps(t, [
    'run: { as: crasher, to: sysvec_apic_timer_interrupt }',
    'prove: { variable: panic_cpu, equals: -1 }',
    'prove: { variable: panic_cpu, equals: 0 }',
    'fire: { role: crasher }',
    'release: all',
  ]);
  t.match(result, { verdict: 'void', detail: 'state-not-proved' });
  t.match(result.explanation, /step 3: panic_cpu = 0 \(saw -1 /);
  t.ok(evidenceOf(result, 'proof').some((proof) => /"panic_cpu = -1","proved":true/.test(proof)));
});

t.test('the locks that the crash path takes are recorded, by name and caller', async (t) => {
  const locks = '[_raw_spin_lock, _raw_spin_lock_irqsave, _raw_spin_trylock]';
  const { result, facts } = await runSteps(t, [
    'hold: { as: other, at: sysvec_apic_timer_interrupt, on: 1 }',
    'prove: { role: other, interrupts: off }',
    'run: { as: crasher, on: 0, to: sysvec_apic_timer_interrupt }',
    'fire: { role: crasher }',
    `record: { role: crasher, at: ${locks}, to: nmi_shootdown_cpus }`,
    'record: { role: crasher, at: [_raw_spin_lock_irqsave, no_such_lock], to: machine_kexec, missing: skip }',
    'release: all',
  ]);
  t.match(result, { verdict: 'captured' });
  const [before, after] = facts
    .filter((line) => line.includes('"fact":"recorded"'))
    .map((line) => RecordedFactSchema.parse(JSON.parse(line)));
  t.match(before, { reached: true, missing: [], to: 'nmi_shootdown_cpus' });
  t.ok(
    before?.calls.some(
      ({ data, from }) => data?.symbol === 'console_sem' && from.startsWith('down_trylock+'),
    ),
  );
  t.match(after, { reached: true, missing: [/no_such_lock/], to: 'machine_kexec' });
  const ioapic = after?.calls.filter(({ data }) => data?.symbol === 'ioapic_lock') ?? [];
  t.ok(ioapic.some(({ stack }) => stack.includes('clear_IO_APIC') && stack.includes('panic')));
  t.ok(
    ioapic.every(({ interrupts }) => !interrupts),
    'the crash path runs with interrupts off',
  );
});

t.test("the calls that take a lock are found in the running kernel's text", async (t) => {
  const by = '[_raw_spin_lock, _raw_spin_lock_irqsave]';
  const { result, facts } = await runSteps(t, [
    'run: { as: crasher, to: sysvec_apic_timer_interrupt }',
    'prove: { role: crasher, interrupts: off }',
    `takers: [{ of: ioapic_lock, by: ${by} }, { of: console_sem, by: ${by} }, { of: ioapic_lock, by: [mutex_lock] }]`,
    'fire: { role: crasher }',
    'release: all',
  ]);
  t.match(result, { verdict: 'captured' });
  const [direct, passed, none] = facts
    .filter((line) => line.includes('"fact":"lock-takers"'))
    .map((line) => LockTakersFactSchema.parse(JSON.parse(line)));
  const mask = direct?.takers.find((taker) => taker.in === 'mask_ioapic_irq');
  t.match(mask, { callee: /^_raw_spin_lock_irqsave$/, taken: { in: 'mask_ioapic_irq' } });
  // `call rel32` has five bytes.
  t.equal(mask?.taken.offset, (mask?.offset ?? 0) + 5);
  const up = passed?.takers.find(({ callee }) => callee === 'up');
  t.match(up, { in: /^__up_console_sem/, taken: { in: 'up' } });
  t.notOk(
    passed?.takers.some((taker) => taker.callee.includes('unlock')),
    'giving it back is not taking it',
  );
  t.match(none, { takers: [], more: 0 });
});

t.test(
  "the spinlock of console_sem, held by a CPU that was stopped: a hang of today's kernels",
  async (t) => {
    const fatal = await runScenario(t, 'console-sem-lock-notifiers-first');
    t.match(fatal.result, { verdict: 'crash-path-hang', detail: 'spin', outcome: 'unexpected' });
    t.match(fatal.result.explanation, /console_sem/);
    const harmless = await runScenario(t, 'console-sem-lock-kexec-first');
    t.match(harmless.result, { verdict: 'captured', outcome: 'expected' });
  },
);

t.test('a word that a script has set is obeyed: kexec gives up, and no dump is taken', async (t) => {
  const steps = (was: number) => [
    'run: { as: crasher, to: sysvec_apic_timer_interrupt }',
    'prove: { role: crasher, interrupts: off }',
    `set: { variable: __kexec_lock, bytes: 4, to: 1, was: ${was} }`,
    'fire: { role: crasher }',
    'release: all',
  ];
  const taken = await runSteps(t, steps(0));
  t.match(taken.result, { verdict: 'crash-path-hang', outcome: 'unexpected' });
  t.match(evidenceOf(taken.result, 'set'), [/"variable":"__kexec_lock".*"was":"0x0","to":"0x1"/]);
  t.strictSame(await judgedAgain(taken), taken.result, 'classify gives the stored verdict');
  const other = await runSteps(t, steps(2));
  t.match(other.result, { verdict: 'void', detail: 'state-not-proved' });
  t.match(other.result.explanation, /step 3: find 0x2 in __kexec_lock \(4 bytes\) \(saw it has 0x0\)/);
  t.strictSame(evidenceOf(other.result, 'set'), []);
});

t.test("a function's locked instructions are found in the running kernel", async (t) => {
  const { result, facts } = await runSteps(t, [
    'hold: { as: other, at: sysvec_apic_timer_interrupt, on: 1 }',
    'prove: { role: other, interrupts: off }',
    'run: { as: crasher, on: 0, to: sysvec_apic_timer_interrupt }',
    'find: { lockedIn: [panic, __crash_kexec, no_such_function] }',
    'fire: { role: crasher }',
    'release: all',
  ]);
  t.match(result, { verdict: 'captured' });
  const [fact] = facts
    .filter((line) => line.includes('"fact":"locked"'))
    .map((line) => LockedFactSchema.parse(JSON.parse(line)));
  t.match(fact?.missing, [{ function: 'no_such_function', why: /this kernel has none/ }]);
  const kexec = fact?.functions.find((one) => one.function === '__crash_kexec');
  t.match(
    kexec?.instructions.find(({ instruction }) => instruction === 'cmpxchg'),
    { text: /^lock cmpxchg/, used: true },
    'kexec_trylock()',
  );
});

t.test('a lock that a directed call has taken is held; taking it twice makes the run void', async (t) => {
  const take =
    'call: { role: crasher, function: _raw_spin_trylock, args: [{ addressOf: console_sem }], returns: 1 }';
  const { result, facts } = await runSteps(t, [
    'run: { as: crasher, to: sysvec_apic_timer_interrupt }',
    take,
    'prove: { lock: console_sem, held: true }',
    take,
    'fire: { role: crasher }',
    'release: all',
  ]);
  t.match(result, { verdict: 'void', detail: 'state-not-proved' });
  t.match(result.explanation, /_raw_spin_trylock\(0x[0-9a-f]+\) returns 1 \(saw it returned 0\)/);
  const calls = facts.filter((line) => line.includes('"fact":"called"'));
  t.match(
    calls[0],
    /"function":"_raw_spin_trylock","args":\["0xffffffff[0-9a-f]{8}"\],"names":\["console_sem\+0x0\/0x[0-9a-f]+"\],"vcpu":\d,"returned":"0x1"/,
  );
  t.match(calls[1], /"returned":"0x0"/);
  const proofs = evidenceOf(result, 'proof');
  t.ok(proofs.some((proof) => /console_sem is held.*"proved":true/.test(proof)));
});

t.test(
  'a lock that is taken where the crash path is about to take it: the hang is on that address',
  async (t) => {
    const { result, facts } = await runSteps(t, [
      'hold: { as: other, on: 1, at: sysvec_apic_timer_interrupt }',
      'run: { as: crasher, on: 0, to: sysvec_apic_timer_interrupt }',
      'prove: { role: crasher, interrupts: off }',
      'fire: { role: crasher }',
      'run: { as: crasher, to: { in: down_trylock, instruction: call }, thenStep: 1 }',
      'prove: { role: crasher, in: _raw_spin_lock_irqsave }',
      'call: { role: crasher, function: _raw_spin_trylock, args: [{ register: rdi, of: crasher }], returns: 1 }',
      'release: all',
    ]);
    t.match(result, { verdict: 'crash-path-hang', detail: 'spin' });
    const called = facts.find((line) => line.includes('"fact":"called"')) ?? '';
    const [, address = 'none'] = /"args":\["0x([0-9a-f]+)"\],.*"returned":"0x1"/.exec(called) ?? [];
    const autopsy = facts.find((line) => line.includes('"fact":"autopsy"')) ?? '';
    t.ok(autopsy.includes(`"waits":[{"vcpu":0,"lock":{"name":"console_sem","address":"${address}"`));
  },
);
