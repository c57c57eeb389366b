import t from 'tap';
import type { HostFact } from '../model/record.js';
import { judge } from '../model/expectation.js';
import { OPEN_CONDITIONS } from '../model/verdict.js';
import { MadeRun, vmcoreFrame } from '../testing/builders/runs.js';
import { atCapture, PLAN, verdict } from '../testing/builders/verdicts.js';
import { verdictOf } from '../testing/recordings/fixtures.js';

const NOT_CONNECTED = '[    0.100000] ..MP-BIOS bug: 8254 timer not connected to IO-APIC';
const TIMER_PANIC =
  "[    0.300000] Kernel panic - not syncing: IO-APIC + timer doesn't work!  Boot with apic=debug and send a report.";

/** Lets time pass in which a thread waits for a part of it, reported four times a second. */
function pass(
  run: MadeRun,
  { forMs, part, thread = 'main' }: { forMs: number; part: number; thread?: string },
  waited = { ms: 0 },
): MadeRun {
  for (let leftMs = forMs; leftMs > 0; leftMs -= 250) {
    waited.ms += 250 * part;
    const threads = [
      { thread: 'main', ranMs: 0, waitedMs: thread === 'main' ? waited.ms : 0 },
      { thread: 'vcpu0', ranMs: 0, waitedMs: thread === 'vcpu0' ? waited.ms : 0 },
    ];
    run.later(240).host({ fact: 'host-time', threads });
  }
  return run;
}

/** A capture in whose boot a line comes while a vCPU runs for a part of the time, and nothing waits. */
function held(line: string, { part, forMs = 2_000 }: { part: number; forMs?: number }): MadeRun {
  const run = atCapture();
  let ranMs = 1;
  const pieces = (count: number, ofTime: number) => {
    for (let i = 0; i < count; i++) {
      ranMs += 250 * ofTime;
      const threads = [
        { thread: 'main', ranMs: ranMs / 100, waitedMs: 0 },
        { thread: 'vcpu0', ranMs: 7, waitedMs: 0 },
        { thread: 'vcpu1', ranMs, waitedMs: 0 },
      ];
      run.later(240).host({ fact: 'host-time', threads });
    }
  };
  pieces(8, 1);
  pieces(forMs / 250, part);
  run.console(line);
  pieces(8, 1);
  return run;
}

const captureHeld = (...how: Parameters<typeof held>) =>
  held(...how)
    .captureHello()
    .control(vmcoreFrame());

/** A capture in whose boot these lines come while the host is as busy as `part`. */
function captureWith(
  lines: readonly string[],
  busy: Parameters<typeof pass>[1],
  commandLine?: string,
): MadeRun {
  const waited = { ms: 0 };
  const run = pass(atCapture(), { forMs: 2_000, part: 0 }, waited);
  for (const line of lines) pass(run, busy, waited).console(line);
  pass(run, busy, waited);
  return pass(run, { forMs: 2_000, part: 0 }, waited).captureHello(commandLine).control(vmcoreFrame());
}

/** Made runs leave the conditions of a clean capture open. */
const isReason = (aspect: string) => !(OPEN_CONDITIONS as readonly string[]).includes(aspect);

const undecidedOf = (run: MadeRun) => {
  const judged = verdictOf(run.end().records, PLAN);
  return judged.word === 'captured'
    ? { quality: judged.quality, degradedBy: judged.degradedBy, undecided: judged.undecided.filter(isReason) }
    : judged.word;
};

void t.test('a timer check is not judged when the host held QEMU, though nothing waited', async (t) => {
  const excused = { quality: 'clean', degradedBy: [], undecided: ['timer-not-connected'] };
  const stands = { quality: 'degraded', degradedBy: ['timer-not-connected'], undecided: [] };
  t.strictSame(undecidedOf(captureHeld(NOT_CONNECTED, { part: 0.2 })), excused, 'cpulimit: 20 %');
  t.strictSame(
    undecidedOf(captureHeld(NOT_CONNECTED, { part: 0, forMs: 750 })),
    excused,
    'SIGSTOP for 0.75 s',
  );
  t.strictSame(undecidedOf(captureHeld(NOT_CONNECTED, { part: 0.98 })), stands, 'its vCPU ran');
  const panicked = (part: number) => verdict(held(TIMER_PANIC, { part }));
  t.equal(panicked(0.2), 'cannot-tell/host-starved');
  t.equal(panicked(0.98), 'capture-panic/timer-check-failed');
  const LOCKUP = '[    9.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [swapper/0:1]';
  t.match(
    undecidedOf(captureHeld(LOCKUP, { part: 0.2 })),
    { degradedBy: ['soft-lockup'] },
    'a kernel that halts now and then is not held',
  );
});

void t.test("a timer check is judged only when QEMU's threads had their CPU", async (t) => {
  for (const line of [
    NOT_CONNECTED,
    '[    0.100000] ...trying to set up timer as Virtual Wire IRQ...',
    '[    0.100000] tsc: HPET/PMTIMER calibration failed',
    '[    0.100000] APIC timer disabled due to verification failure',
    '[    0.100000] hpet: Counter not counting. HPET disabled',
  ]) {
    for (const thread of ['main', 'vcpu0']) {
      t.match(
        undecidedOf(captureWith([line], { forMs: 1_000, part: 0.4, thread })),
        { quality: 'clean', degradedBy: [], undecided: [String] },
        `${thread}: ${line}`,
      );
    }
    t.match(
      undecidedOf(captureWith([line], { forMs: 1_000, part: 0.02 })),
      { quality: 'degraded', degradedBy: [String], undecided: [] },
      `a quiet host: ${line}`,
    );
    t.match(
      undecidedOf(captureWith([line], { forMs: 1_000, part: 0.06 })),
      { quality: 'degraded', degradedBy: [String], undecided: [] },
      `a little waiting all the time: ${line}`,
    );
  }
});

void t.test('it is one aspect: others stand, and the words say both', async (t) => {
  const run = captureWith([NOT_CONNECTED, '[    0.200000] irq 5: nobody cared'], { forMs: 1_000, part: 0.4 });
  const judged = verdictOf(run.end().records, PLAN);
  t.match(judged, {
    word: 'captured',
    degradedBy: ['nobody-cared'],
    explanation: /but: nobody-cared; not judged, because the host was busy: timer-not-connected$/,
  });
  t.ok(judged.word === 'captured' && judged.undecided.includes('timer-not-connected'));
  t.ok(judged.evidence.filter(({ what }) => what === 'host-time').length >= 2, 'the waiting is evidence');
});

void t.test('near misses: busy at another time, no facts, one message at a quiet time', async (t) => {
  const degraded = { degradedBy: ['timer-not-connected'], undecided: [] };
  const waited = { ms: 0 };
  const before = pass(atCapture(), { forMs: 5_000, part: 0.6 }, waited);
  pass(before, { forMs: 2_000, part: 0 }, waited).console(NOT_CONNECTED);
  pass(before, { forMs: 500, part: 0 }, waited);
  pass(before, { forMs: 5_000, part: 0.6 }, waited);
  t.match(undecidedOf(before.captureHello().control(vmcoreFrame())), degraded, 'before and after it');
  const old = atCapture().console(NOT_CONNECTED).captureHello().control(vmcoreFrame());
  t.match(undecidedOf(old), degraded, 'an older recording');
  const twice = captureWith([NOT_CONNECTED], { forMs: 1_000, part: 0.4 }).console(NOT_CONNECTED);
  t.match(undecidedOf(pass(twice, { forMs: 1_000, part: 0 }, { ms: 800 })), degraded);
});

void t.test("what the first kernel said at a busy time does not excuse the capture kernel's", async (t) => {
  const virtualWire = '[    0.100000] ...trying to set up timer as Virtual Wire IRQ...';
  const saidBefore = (part: number) => {
    const waited = { ms: 0 };
    const run = pass(new MadeRun().host({ fact: 'qemu-started', pid: 1 }), { forMs: 1_000, part }, waited);
    pass(run.console(virtualWire), { forMs: 1_000, part: 0 }, waited)
      .boot()
      .arm()
      .fire()
      .panic()
      .captureBanner();
    pass(run, { forMs: 1_000, part: 0 }, waited).console(virtualWire);
    return undecidedOf(pass(run, { forMs: 1_000, part: 0 }, waited).captureHello().control(vmcoreFrame()));
  };
  t.match(saidBefore(0.4), { degradedBy: ['timer-as-virtual-wire'] });
  t.match(saidBefore(0.02), { degradedBy: [], undecided: [] });
});

void t.test('a watchdog is judged by what remains of its time', async (t) => {
  const lockup = '[   30.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [init:1]';
  const stall = '[   30.000000] rcu: INFO: rcu_preempt self-detected stall on CPU';
  for (const [line, name] of [
    [lockup, 'soft-lockup'],
    [stall, 'rcu-stall'],
  ] as const) {
    t.match(undecidedOf(captureWith([line], { forMs: 24_000, part: 0.3 })), { undecided: [name] }, name);
    t.match(undecidedOf(captureWith([line], { forMs: 24_000, part: 0.05 })), { degradedBy: [name] }, name);
  }
});

void t.test('the local APIC timer that was lost while the host was busy', async (t) => {
  const disabled = '[    0.100000] APIC timer disabled due to verification failure';
  const run = (part: number, line?: string, words?: string) => {
    const lines = [line ?? '[    0.100000] x'];
    const timers = (device: string) =>
      Buffer.from(`clocksource=tsc\nclockevent=${device}\n`).toString('base64');
    const facts = {
      ev: 'capture-facts',
      dmesgLines: 1,
      modulesFailed: '',
      interrupts: '',
      timers: timers('pit'),
    };
    const captured = captureWith(lines, { forMs: 1_000, part }, words).control(
      `CP1 ${JSON.stringify(facts)}\n`,
    );
    for (const record of captured.records) {
      if (record.kind !== 'chunk' || record.channel !== 'control') continue;
      const text = record.bytes.toString('latin1');
      const found = /"ev":"armed","id":1,"out":"([^"]*)"/.exec(text);
      if (found?.[1] === undefined) continue;
      const report = Buffer.from(found[1], 'base64').toString() + 'clocksource=tsc\nclockevent=lapic\n';
      Object.assign(record, {
        bytes: Buffer.from(text.replace(found[1], Buffer.from(report).toString('base64'))),
      });
    }
    return undecidedOf(captured);
  };
  t.match(run(0.4, disabled), { undecided: ['apic-timer-disabled', 'lapic-timer-lost'] });
  t.match(
    run(0.4, undefined, 'elfcorehdr=1 quiet'),
    { undecided: ['lapic-timer-lost'] },
    'a quiet console: the whole boot',
  );
  t.match(run(0.4), { degradedBy: ['lapic-timer-lost'] }, 'a console that would show a failed calibration');
  t.match(run(0.02, disabled), { degradedBy: ['apic-timer-disabled', 'lapic-timer-lost'], undecided: [] });
  t.match(run(0.1), { degradedBy: ['lapic-timer-lost'] }, 'waiting that a quiet host shows too');
});

void t.test('a lockup that says how long it lasts is judged by what is left of it', async (t) => {
  const stuck = (seconds: number, part: number, length = seconds) => {
    const waited = { ms: 0 };
    const run = pass(atCapture(), { forMs: 1_000, part: 0 }, waited);
    pass(run, { forMs: length * 1_000, part }, waited);
    run.console(`[   90.000000] watchdog: BUG: soft lockup - CPU#0 stuck for ${seconds}s! [swapper/0:1]`);
    pass(run, { forMs: 500, part }, waited);
    return undecidedOf(run.captureHello().control(vmcoreFrame()));
  };
  t.match(stuck(22, 0.3), { degradedBy: [], undecided: ['soft-lockup'] }, '22 s less 7 are no lockup');
  t.match(stuck(52, 0.3), { degradedBy: ['soft-lockup'], undecided: [] }, '52 s less 16 are one');
  t.match(stuck(52, 0.7), { degradedBy: [], undecided: ['soft-lockup'] }, '52 s less 36 are none');
});

void t.test('a panic over the timer check', async (t) => {
  const panicked = (part: number, line = TIMER_PANIC) => {
    const waited = { ms: 0 };
    const run = pass(atCapture(), { forMs: 1_000, part }, waited).console(line);
    return verdict(pass(run, { forMs: 500, part }, waited));
  };
  t.equal(panicked(0.4), 'cannot-tell/host-starved');
  t.equal(panicked(0.02), 'capture-panic/timer-check-failed');
  t.equal(
    panicked(0.07),
    'capture-panic/timer-check-failed',
    'four checks in a row were not spoiled by so little',
  );
  t.equal(
    panicked(0.4, '[    0.300000] Kernel panic - not syncing: No working init found.'),
    'capture-panic/no-init',
  );
  const first = (part: number) => {
    const waited = { ms: 0 };
    const run = new MadeRun()
      .host({ fact: 'qemu-started', pid: 1 })
      .console('[    0.000000] Linux version 6.1.0 (x)');
    pass(run, { forMs: 1_000, part }, waited).console(TIMER_PANIC);
    return verdict(pass(run, { forMs: 500, part }, waited));
  };
  t.equal(first(0.4), 'cannot-tell/host-starved');
  t.equal(first(0.02), 'boot-failed/panic-during-boot');
});

void t.test('an expected degradation that could not be judged is inconclusive', async (t) => {
  const busy = verdictOf(captureWith([NOT_CONNECTED], { forMs: 1_000, part: 0.4 }).end().records, PLAN);
  const degradedBy = ['timer-not-connected'];
  t.equal(judge(busy, { verdict: 'captured', degradedBy }), 'inconclusive');
  t.equal(judge(busy, { verdict: 'captured', quality: 'degraded' }), 'inconclusive');
  t.equal(judge(busy, { verdict: 'captured' }), 'expected');
  t.equal(judge(busy, { verdict: 'captured', degradedBy: ['nobody-cared'] }), 'unexpected');
  t.equal(judge(busy, { verdict: 'capture-hang' }), 'unexpected');
});

void t.test('a watchdog of a machine that the host suspended is not judged', async (t) => {
  const LOCKUP = '[   30.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 25s! [swapper/0:1]';
  const report = (ranMs: number): HostFact => ({
    fact: 'host-time',
    threads: [
      { thread: 'main', ranMs, waitedMs: 0 },
      { thread: 'vcpu0', ranMs: ranMs * 3, waitedMs: 0 },
    ],
  });
  const capture = (ran: (second: number) => number) => {
    const run = atCapture();
    for (let second = 0; second < 25; second++) run.later(990).host(report(ran(second)));
    return run.console(LOCKUP).captureHello().control(vmcoreFrame());
  };
  t.match(
    undecidedOf(capture(() => 7)),
    { quality: 'clean', undecided: ['soft-lockup'] },
    'no CPU time at all',
  );
  t.match(undecidedOf(capture((second) => 7 + second)), { quality: 'degraded', degradedBy: ['soft-lockup'] });
});

void t.test('a report that was sent while crashpath did not run may have lost bytes', async (t) => {
  const threads = [{ thread: 'main', ranMs: 1, waitedMs: 0 }];
  const time: HostFact = { fact: 'host-time', threads };
  const heldFor = (forMs: number, report: (run: MadeRun) => MadeRun) => {
    const run = atCapture().later(200).host(time).later(240).host(time);
    return report(run.later(forMs).captureHello()).shutdown('guest-shutdown').host(time);
  };
  const proved = (run: MadeRun) => run.control(vmcoreFrame());
  const end = (run: MadeRun) => {
    const judged = verdictOf(run.end().records, PLAN);
    return judged.word === 'captured'
      ? [...judged.degradedBy, ...judged.undecided.filter((aspect) => aspect === 'capture-end')]
      : `${judged.word}/${judged.detail}`;
  };
  t.strictSame(end(heldFor(30_000, proved)), ['capture-end']);
  t.strictSame(end(heldFor(200, proved)), ['unfinished-capture'], 'it ran');
  t.equal(end(heldFor(30_000, (run) => run)), 'cannot-tell/host-starved');
  t.equal(end(heldFor(200, (run) => run)), 'capture-no-vmcore/powered-off-unproved');
});
