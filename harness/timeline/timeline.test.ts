import t from 'tap';
import type { RunRecord } from '../model/record.js';
import { eventsOf, nameEvent } from '../testing/recordings/fixtures.js';
import {
  CAPTURE_START_RIP,
  CRASH_CR3,
  firedRun,
  IDLE,
  type MadeRun,
  MadeRun as Run,
  type MadeVcpu,
  madePlan,
  PARKED,
  PURGATORY_RIP,
} from '../testing/builders/runs.js';
import { PROVED, WAITING } from '../testing/builders/verdicts.js';
import { createTimeline } from './timeline.js';

const PLAN = madePlan();
const namesOf = (run: MadeRun) => eventsOf(run.records, PLAN).map(nameEvent);

const jumping = (rip: bigint) => [{ rip, cr3: CRASH_CR3 }, PARKED];

void t.test('events carry their place and time', async (t) => {
  const records: RunRecord[] = [
    { kind: 'chunk', atMs: 5, channel: 'console', bytes: Buffer.from('noise\r\nKernel panic - not') },
    { kind: 'chunk', atMs: 7, channel: 'console', bytes: Buffer.from(' syncing: x\n') },
    {
      kind: 'qmp',
      line: 3,
      record: {
        seq: 1,
        atMs: 9,
        direction: 'in',
        message: { event: 'SHUTDOWN', data: { guest: true, reason: 'r' } },
      },
    },
  ];
  t.strictSame(eventsOf(records, PLAN), [
    {
      atMs: 7,
      at: { source: 'console', offset: 7, length: 29 },
      type: 'panic',
      message: 'x',
      side: 'production',
    },
    { atMs: 9, at: { source: 'qmp', line: 3 }, type: 'shutdown', byGuest: true, reason: 'r' },
  ]);
});

void t.test('an event is given as soon as its line is complete, the last one at the end', async (t) => {
  const timeline = createTimeline(PLAN.limits);
  const push = (text: string) =>
    timeline.push({ kind: 'chunk', atMs: 1, channel: 'console', bytes: Buffer.from(text) }).length;
  t.equal(push('Kernel panic - not syncing: x'), 0);
  t.equal(push('\r'), 1);
  t.equal(push('Kernel panic - not syncing: y'), 0);
  t.equal(timeline.finish().length, 1);
  t.equal(timeline.finish().length, 0);
});

void t.test('only SHUTDOWN events of QMP mean something', async (t) => {
  const run = new Run()
    .qmp({ event: 'STOP' })
    .qmp({ event: 'SHUTDOWN' })
    .qmp({ event: 'SHUTDOWN', data: { guest: 'yes', reason: 'r' } })
    .qmp({ return: {} });
  t.strictSame(namesOf(run), []);
  const sent: RunRecord = {
    kind: 'qmp',
    line: 0,
    record: {
      seq: 0,
      atMs: 0,
      direction: 'out',
      message: { event: 'SHUTDOWN', data: { guest: true, reason: 'r' } },
    },
  };
  t.strictSame(eventsOf([sent], PLAN), [], 'what was sent is no event');
});

void t.test('each place on the crash path is reported once, and only forwards', async (t) => {
  const run = firedRun().panic();
  for (const rip of [0x25800000n, PURGATORY_RIP, PURGATORY_RIP, 0x25800000n, CAPTURE_START_RIP])
    run.sample(jumping(rip));
  run.sample(jumping(0xffffffff81000000n));
  t.strictSame(
    namesOf(run).filter((name) => /^(jumped|cpus)/.test(name)),
    ['cpus-parked 1', 'jumped jump', 'jumped purgatory', 'jumped capture-start', 'jumped capture-kernel'],
  );
});

void t.test('samples before firing have no events', async (t) => {
  const run = new Run().boot().arm();
  for (let i = 0; i < 200; i++) run.later(150).sample([PARKED, PARKED]);
  t.notOk(namesOf(run).some((name) => /^(hang|jumped|cpus)/.test(name)));
});

void t.test('parked means: after a panic, all but one halted with interrupts off', async (t) => {
  const parkedIn = (run: MadeRun) => namesOf(run).some((name) => name.startsWith('cpus-parked'));
  const running = { rip: 0xffffffff81000000n };
  t.equal(parkedIn(firedRun().sample([PARKED, running])), false, 'no panic yet');
  t.equal(parkedIn(firedRun().panic().sample([IDLE, running])), false, 'an idle CPU is not parked');
  t.equal(parkedIn(firedRun().panic().sample([running])), false, 'one CPU cannot be shot down');
  t.equal(parkedIn(firedRun().panic().sample([PARKED, running, IDLE])), false, 'one of three is still idle');
  t.equal(parkedIn(firedRun().panic().sample([PARKED, running, PARKED])), true);
});

void t.test('a hang is reported once', async (t) => {
  const run = firedRun().panic();
  for (let i = 0; i < 100; i++) run.later(140).sample([PARKED, PARKED]);
  t.strictSame(
    namesOf(run).filter((name) => name.startsWith('hang')),
    ['hang all-vcpus-halted'],
  );
});

const steady = (run: MadeRun, vcpus: readonly MadeVcpu[], times = 20) => {
  for (let i = 0; i < times; i++) run.later(140).sample(vcpus);
  return run;
};
const suspicionsIn = (run: MadeRun) => namesOf(run).filter((name) => /hang/.test(name));
const SPINNING: MadeVcpu = { rip: 0xffffffff81000000n };
const HALTED = { ...PROVED, shape: 'all-vcpus-halted' as const };

void t.test('a steady shape is suspected once the crash path is entered, or nobody answers', async (t) => {
  t.strictSame(suspicionsIn(steady(firedRun(), [IDLE, IDLE])), [], 'a first kernel may be idle');
  t.strictSame(
    suspicionsIn(steady(firedRun(), [SPINNING, IDLE])),
    ['suspected-hang spin'],
    'the crash path may be unable to print: the examination looks whose stack it is',
  );
  t.strictSame(
    suspicionsIn(
      steady(steady(steady(firedRun(), [SPINNING, IDLE], 10), [IDLE, IDLE], 1), [SPINNING, IDLE], 10),
    ),
    [],
    'not for long enough',
  );
  t.strictSame(suspicionsIn(steady(firedRun().panic(), [SPINNING, IDLE])), ['suspected-hang spin']);
  t.strictSame(suspicionsIn(steady(firedRun(), [{ rip: PURGATORY_RIP, cr3: CRASH_CR3 }, PARKED])), [
    'suspected-hang spin',
  ]);
  const asked = (answered: boolean) => firedRun().host({ fact: 'watch-ended', answered });
  t.strictSame(suspicionsIn(steady(asked(false), [IDLE, IDLE])), ['suspected-hang idle-forever']);
  t.strictSame(suspicionsIn(steady(asked(true), [IDLE, IDLE])), []);
  const oops = firedRun().console('[   10.000000] BUG: kernel NULL pointer dereference, address: 0');
  t.strictSame(suspicionsIn(steady(oops, [SPINNING, PARKED])), ['suspected-hang spin'], 'panic_on_oops');
});

void t.test('samples of a machine that has shut down show where it stands, and nothing more', async (t) => {
  const dead = () => firedRun().panic().shutdown('guest-reset');
  t.strictSame(suspicionsIn(steady(dead(), [SPINNING, IDLE])), []);
  t.strictSame(suspicionsIn(steady(dead(), [PARKED, PARKED], 100)), []);
  t.ok(namesOf(dead().sample(jumping(PURGATORY_RIP))).includes('jumped purgatory'));
  const capture: MadeVcpu = { rip: 0xffffffff81000000n, cr3: CRASH_CR3 };
  const late = firedRun().panic().sample([capture, PARKED]).later(2_000).shutdown('guest-shutdown');
  t.notOk(namesOf(steady(late, [capture, SPINNING])).some((name) => name.startsWith('cpu-not-stopped')));
});

void t.test('an examination makes a hang of it, or does not', async (t) => {
  t.strictSame(suspicionsIn(steady(firedRun().panic(), [SPINNING, PARKED]).host(PROVED)), [
    'suspected-hang spin',
    'hang spin',
  ]);
  const hang = eventsOf(steady(firedRun().panic(), [SPINNING, PARKED]).host(PROVED).records, PLAN).at(-1);
  t.match(hang, {
    type: 'hang',
    at: { source: 'host' },
    vcpus: [{ rip: 'ffffffff81000000' }, { halted: true }],
  });
  t.ok(hang?.type === 'hang' && hang.forMs > 2000, 'for how long it lasted');
  t.strictSame(suspicionsIn(steady(firedRun().panic(), [SPINNING, PARKED]).host(WAITING)), [
    'suspected-hang spin',
  ]);
  const twice = steady(steady(firedRun().panic(), [SPINNING, PARKED]).host(PROVED), [SPINNING, PARKED], 60);
  t.strictSame(suspicionsIn(twice.host(PROVED)), ['suspected-hang spin', 'hang spin'], 'once');
});

void t.test('vCPUs that are all halted, and an NMI that may come', async (t) => {
  const halted = () => steady(firedRun().panic(), [PARKED, PARKED]);
  t.strictSame(suspicionsIn(steady(halted(), [PARKED, PARKED], 30)), [
    'suspected-hang all-vcpus-halted',
    'hang all-vcpus-halted',
  ]);
  const isHang = (name: string) => name.startsWith('hang');
  const nmi = () => halted().host(WAITING);
  t.notOk(suspicionsIn(steady(nmi(), [PARKED, PARKED], 100)).some(isHang), 'the examination saw more');
  t.ok(suspicionsIn(steady(nmi(), [PARKED, PARKED], 30).host(HALTED)).some(isHang));
  const later = steady(steady(nmi(), [SPINNING, PARKED], 1), [PARKED, PARKED], 60);
  t.ok(suspicionsIn(later).some(isHang), 'another halt is another shape');
  const before = steady(firedRun().panic(), [SPINNING, PARKED]).host(WAITING);
  t.ok(suspicionsIn(steady(before, [PARKED, PARKED], 60)).some(isHang), 'it was about another shape');
});

void t.test('the segments of the last arming count', async (t) => {
  const run = new Run().boot().arm('loaded=0\n').arm().fire().sample(jumping(PURGATORY_RIP));
  t.ok(namesOf(run).includes('jumped purgatory'));
});
