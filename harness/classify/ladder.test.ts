import t from 'tap';
import type { HostFact } from '../model/record.js';
import { verdictOf } from '../testing/recordings/fixtures.js';
import { CAPTURE_START_RIP, firedRun, MadeRun, vmcoreFrame } from '../testing/builders/runs.js';
import { ABSENT, captured, DEADLINE, PLAN, sampled } from '../testing/builders/verdicts.js';

void t.test('the ladder: seen, implied, and not implied', async (t) => {
  const ladder = (run: MadeRun, plan = PLAN) =>
    verdictOf(run.end().records, plan).phases.map(({ phase, how }) =>
      how === 'implied' ? `(${phase})` : phase,
    );
  t.strictSame(ladder(new MadeRun().boot()), ['boot']);
  t.strictSame(ladder(new MadeRun().boot().fire().panic().shutdown('guest-reset'), ABSENT), [
    'boot',
    'fired',
    'panic-entered',
  ]);
  t.strictSame(ladder(firedRun().captureHello().control(vmcoreFrame())), [
    'boot',
    'armed',
    'state-proved',
    'fired',
    '(panic-entered)',
    '(cpus-shot-down)',
    '(irqchips-quiesced)',
    '(kexec-jump)',
    '(purgatory)',
    '(capture-banner)',
    'capture-userspace',
    'vmcore-verified',
  ]);
  t.strictSame(
    ladder(sampled(CAPTURE_START_RIP).host(DEADLINE)).slice(-4),
    ['cpus-shot-down', '(irqchips-quiesced)', '(kexec-jump)', '(purgatory)'],
    'a vCPU in the capture kernel has passed purgatory',
  );
  t.strictSame(ladder(new MadeRun().host(DEADLINE)), [], 'nothing was reached');
  const times = verdictOf(captured().end().records, PLAN).phases.map(({ atMs }) => atMs);
  t.strictSame(
    times,
    times.toSorted((a, b) => a - b),
    'times never go back',
  );
});

void t.test('what a log in memory tells of was reached before it was read', async (t) => {
  const panic = '[    9.000000] Kernel panic - not syncing: made\n';
  const log = { fact: 'kernel-log', side: 'production', text: panic } as const;
  const of = (run: MadeRun) =>
    verdictOf(run.end().records, PLAN).phases.filter(({ phase }) => phase === 'panic-entered');
  const [read] = of(firedRun().host(DEADLINE).host(log));
  t.equal(read?.how, 'read');
  const [implied] = of(firedRun().captureHello().control(vmcoreFrame()).host(log));
  t.equal(implied?.how, 'implied', 'a later rung was seen before');
  const [seen] = of(firedRun().console(panic).host(DEADLINE).host(log));
  t.equal(seen?.how, 'observed', 'near miss');
});

void t.test('what a script made a vCPU take is cited', async (t) => {
  const called: Extract<HostFact, { fact: 'called' }> = {
    fact: 'called',
    function: '_raw_spin_trylock',
    args: ['0xffffffff815b12c8'],
    returned: '0x1',
  };
  const cited = (fact: HostFact) =>
    verdictOf(captured().host(fact).end().records, PLAN).evidence.flatMap(({ what, excerpt }) =>
      what === 'called' ? [excerpt] : [],
    );
  t.strictSame(cited(called), ['_raw_spin_trylock(0xffffffff815b12c8) returned 0x1'], 'an older recording');
  t.strictSame(cited({ ...called, names: ['ioapic_lock+0x0/0x8'], vcpu: 1 }), [
    '_raw_spin_trylock(ioapic_lock+0x0/0x8) on vCPU 1 returned 0x1',
  ]);
});

void t.test('evidence points at the bytes that it quotes', async (t) => {
  const run = captured().end();
  const bytes = Buffer.concat(
    run.records.map((record) =>
      record.kind === 'chunk' && record.channel === 'control' ? record.bytes : Buffer.alloc(0),
    ),
  ).toString('latin1');
  const evidence = verdictOf(run.records, PLAN).evidence.find(({ what }) => what === 'vmcore');
  t.ok(evidence !== undefined && 'offset' in evidence);
  if (evidence !== undefined && 'offset' in evidence) {
    t.match(bytes.slice(evidence.offset, evidence.offset + evidence.length), /^CP1 \{"ev":"vmcore".*\}$/);
    t.match(evidence.excerpt, /nodename=cp-made prstatus=2 vmcoreinfo=yes/);
  }
  const hostile = firedRun()
    .console('[   10.000000] Kernel panic - not syncing: \x1b[2J\x07')
    .shutdown('guest-reset');
  for (const { excerpt } of verdictOf(hostile.end().records, PLAN).evidence)
    t.match(excerpt, /^[\x20-\x7e]*$/);
});
