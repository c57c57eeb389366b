import t from 'tap';
import type { HostFact } from '../model/record.js';
import type { RunPlan } from '../model/run-plan.js';
import type { Scenario } from '../model/scenario.js';
import { verdictOf } from '../testdata/fixtures.js';
import {
  armedReport,
  b64,
  CAPTURE_START_RIP,
  CRASH_CR3,
  firedRun,
  frame,
  IDLE,
  MadeRun,
  madePlan,
  PARKED,
  PURGATORY_RIP,
  RELEASE,
  vmcoreFrame,
} from '../testdata/made-runs.js';

const PLAN = madePlan();
const ABSENT = madePlan({ scenario: { crashKernel: 'absent', expect: { verdict: 'no-crash-kernel' } } });
const DEADLINE: HostFact = { fact: 'deadline', what: 'the wait', limitMs: 5 };

/** The verdict on a finished run: `word/detail`, and what degrades it. */
function verdict(run: MadeRun, plan: RunPlan = PLAN): string {
  const judged = verdictOf(run.end().records, plan);
  const degraded = judged.word === 'captured' ? judged.degradedBy : [];
  return [`${judged.word}/${judged.detail}`, ...degraded].join(' ');
}

const atCapture = () => firedRun().panic().captureBanner();
const inUserspace = () => atCapture().captureHello();
const captured = () => inUserspace().control(vmcoreFrame());
const sampled = (rip: bigint, cr3 = CRASH_CR3) => firedRun().panic().sample([{ rip, cr3 }, PARKED]);
/** A vCPU that stands still for a minute. */
const stuckAt = (rip: bigint, cr3 = CRASH_CR3) => {
  const run = firedRun().panic();
  for (let i = 0; i < 400; i++) run.later(140).sample([{ rip, cr3 }, PARKED]);
  return run;
};

void t.test('captured: the proof and nothing else', async (t) => {
  t.equal(verdict(captured()), 'captured/nonce-verified');
  t.equal(
    verdict(firedRun().captureHello().control(vmcoreFrame())),
    'captured/nonce-verified',
    'a silent console',
  );
  t.equal(verdict(captured().shutdown('guest-reset')), 'captured/nonce-verified', 'a reset after the proof');
  t.equal(
    verdict(inUserspace().control(vmcoreFrame({ nodename: 'other' }))),
    'capture-no-vmcore/nonce-mismatch',
  );
  t.equal(
    verdict(inUserspace().control(vmcoreFrame({ nodename: 'cp-made2' }))),
    'capture-no-vmcore/nonce-mismatch',
  );
  t.equal(verdict(inUserspace().control(vmcoreFrame({ nodename: '' }))), 'capture-no-vmcore/nonce-mismatch');
  t.equal(
    verdict(inUserspace().control(vmcoreFrame({ uts: Buffer.alloc(390) }))),
    'capture-no-vmcore/nonce-unreadable',
  );
  t.equal(verdict(inUserspace().control(vmcoreFrame({ cpus: 0 }))), 'capture-no-vmcore/no-cpu-notes');
  t.equal(
    verdict(inUserspace().control(vmcoreFrame({ vmcoreinfo: false }))),
    'capture-no-vmcore/no-vmcoreinfo',
  );
  t.equal(
    verdict(inUserspace().control(vmcoreFrame({ release: '6.1.0' }))),
    'capture-no-vmcore/wrong-release',
  );
  t.equal(
    verdict(inUserspace().control(frame({ ev: 'vmcore-missing', why: b64('no /proc/vmcore') }))),
    'capture-no-vmcore/vmcore-missing',
  );
  t.equal(verdict(inUserspace().host(DEADLINE)), 'capture-hang/deadline', 'userspace alone is no capture');
});

void t.test('degraded captures and their near misses', async (t) => {
  const degradedBy = (...lines: string[]) =>
    verdict(captured().console(...lines.map((line) => `[    1.000000] ${line}`)));
  const stray = '__common_interrupt: 0.35 No irq handler for vector';
  t.equal(degradedBy(stray, stray), 'captured/nonce-verified', 'two stray interrupts are healthy');
  t.equal(degradedBy(stray, stray, stray), 'captured/nonce-verified-degraded screaming-vector');
  t.equal(
    degradedBy('irq 5: nobody cared', 'Disabling IRQ #5'),
    'captured/nonce-verified-degraded nobody-cared irq-disabled',
  );
  t.equal(
    degradedBy('Disabling IRQ #5', 'Disabling IRQ #5'),
    'captured/nonce-verified-degraded irq-disabled',
    'named once',
  );
  t.equal(
    degradedBy('Oops: 0002 [#1]', 'Oops: 0003 [#2]'),
    'captured/nonce-verified-degraded oops-in-capture',
  );
  t.equal(degradedBy('Kernel panic - not syncing: x'), 'captured/nonce-verified-degraded panic-in-capture');
  const rows = (uart: string) =>
    captured().control(
      frame({
        ev: 'capture-facts',
        dmesgLines: 1,
        modulesFailed: '',
        interrupts: b64(`           CPU0\n${uart}\n  4:  0   IO-APIC   4-edge      ttyS0\n`),
      }),
    );
  // Rows as the capture kernels of 6.1.192 with the thread's patch showed them, dead and alive.
  t.equal(
    verdict(rows('  3:          0   IO-APIC   3-edge      ttyS1')),
    'captured/nonce-verified-degraded uart-interrupts-dead',
  );
  t.equal(verdict(rows('  3:          8   IO-APIC   3-edge      ttyS1')), 'captured/nonce-verified');
  t.equal(verdict(rows('NMI:          0   Non-maskable interrupts')), 'captured/nonce-verified', 'no row');
  const oopsBefore = firedRun()
    .console('[    9.000000] Oops: 0002 [#1]')
    .panic()
    .captureBanner()
    .captureHello();
  t.equal(
    verdict(oopsBefore.control(vmcoreFrame())),
    'captured/nonce-verified',
    "the crashed kernel's own oops",
  );
  const nmi = firedRun()
    .console('[    9.000000] Uhhuh. NMI received for unknown reason 20 on CPU 0.')
    .panic();
  t.equal(
    verdict(nmi.captureHello().control(vmcoreFrame())),
    'captured/nonce-verified',
    'a note of the first kernel',
  );
});

void t.test('trouble with timers degrades, unless the machine had it before the crash', async (t) => {
  const trouble = '[    1.000000] APIC timer disabled due to verification failure';
  const run = (before: readonly string[], after: readonly string[]) =>
    new MadeRun()
      .boot()
      .console(...before)
      .arm()
      .fire()
      .panic()
      .captureBanner()
      .console(...after)
      .captureHello()
      .control(vmcoreFrame());
  t.equal(verdict(run([], [trouble])), 'captured/nonce-verified-degraded apic-timer-disabled');
  t.equal(verdict(run([trouble], [trouble])), 'captured/nonce-verified', 'the machine is like that');
  t.equal(verdict(run([trouble], [])), 'captured/nonce-verified', 'the crashed kernel alone');
  const other = '[    1.000000] hpet: Counter not counting. HPET disabled';
  t.equal(verdict(run([other], [trouble])), 'captured/nonce-verified-degraded apic-timer-disabled');
  const noted = '[    1.000000] tsc: Marking TSC unstable due to clocksource watchdog';
  t.equal(verdict(run([], [noted])), 'captured/nonce-verified', 'what a busy host does is noted, no more');
});

void t.test('memory that ran out degrades a capture', async (t) => {
  const killed = '[    2.000000] Out of memory: Killed process 77 (sh) total-vm:1kB, anon-rss:1kB';
  t.equal(verdict(captured().console(killed)), 'captured/nonce-verified-degraded oom-kill');
  t.equal(
    verdict(firedRun().console(killed).panic().captureHello().control(vmcoreFrame())),
    'captured/nonce-verified',
    "the crashed kernel's own",
  );
});

/** A report of the capture kernel with its timers, and what `kexec -p` left behind with those of the crashed one. */
const report = (
  timers: string,
  interrupts = '  0:  154   IO-APIC   2-edge      timer\nLOC:  536   Local\n',
) =>
  frame({
    ev: 'capture-facts',
    dmesgLines: 1,
    modulesFailed: '',
    interrupts: b64(interrupts),
    timers: b64(timers),
  });

void t.test('a capture kernel that lost the local APIC timer', async (t) => {
  const lapic = 'clocksource=tsc\nclockevent=lapic\nbroadcast=hpet\n';
  const pit = 'clocksource=acpi_pm\nclockevent=pit\nbroadcast=\n';
  const run = (before: string, after: string, commandLine = 'elfcorehdr=1') =>
    new MadeRun()
      .boot()
      .arm(`${armedReport()}${before}`)
      .fire()
      .panic()
      .control(frame({ ev: 'capture-hello', release: b64(RELEASE), cmdline: b64(commandLine) }))
      .control(vmcoreFrame())
      .control(report(after));
  t.equal(verdict(run(lapic, pit)), 'captured/nonce-verified-degraded lapic-timer-lost');
  t.equal(verdict(run(lapic, lapic.replace('=lapic', '=lapic-deadline'))), 'captured/nonce-verified');
  t.equal(verdict(run(pit, pit)), 'captured/nonce-verified', 'the crashed kernel had none either');
  t.equal(
    verdict(run(lapic, pit, 'nolapic_timer elfcorehdr=1')),
    'captured/nonce-verified',
    'it was asked to',
  );
  t.equal(
    verdict(run(lapic, pit, 'nolapic_timers elfcorehdr=1')),
    'captured/nonce-verified-degraded lapic-timer-lost',
    'another word',
  );
  t.equal(verdict(run(lapic, '')), 'captured/nonce-verified', 'a kernel that does not tell');
});

void t.test('proofs that only the capture kernel can give', async (t) => {
  const plan = (...proveCapture: Scenario['proveCapture']) => madePlan({ scenario: { proveCapture } });
  const legacy = plan(
    { clockevent: ['pit'] },
    { clocksource: ['acpi_pm', 'pit'] },
    { interrupts: { row: '0', atLeast: 150 } },
  );
  const pit = 'clocksource=acpi_pm\nclockevent=pit\nbroadcast=\n';
  const reported = (timers: string, interrupts?: string) => captured().control(report(timers, interrupts));
  t.equal(verdict(reported(pit), legacy), 'captured/nonce-verified');
  for (const [timers, interrupts] of [
    [pit.replace('=pit', '=lapic')],
    [pit.replace('acpi_pm', 'tsc')],
    [pit, '  0:  149   XT-PIC      timer\n'],
    [pit, 'LOC:  536   Local\n'],
    [''],
  ] as const) {
    t.equal(
      verdict(reported(timers, interrupts), legacy),
      'void/state-not-proved',
      `${timers} ${interrupts}`,
    );
  }
  t.equal(verdict(captured(), legacy), 'void/state-not-proved', 'captured, and it did not report');
  t.equal(
    verdict(atCapture().host(DEADLINE), legacy),
    'capture-hang/deadline',
    'it died in the state that it was asked for: that is its verdict',
  );
  t.equal(verdict(atCapture().panic(), legacy), 'capture-panic/panic-in-capture');
});

void t.test('why a capture kernel panicked', async (t) => {
  const panicked = (message: string) =>
    verdict(atCapture().console(`[    1.000000] Kernel panic - not syncing: ${message}`));
  for (const [message, detail] of [
    ['System is deadlocked on memory', 'out-of-memory'],
    ['Out of memory: compulsory panic_on_oom is enabled', 'out-of-memory'],
    ['VFS: Unable to mount root fs on unknown-block(0,0)', 'no-init'],
    ['Requested init /nonexistent failed (error -2).', 'no-init'],
    ['No working init found.  Try passing init= option to kernel.', 'no-init'],
    ['Attempted to kill init! exitcode=0x00000009', 'init-died'],
    ["IO-APIC + timer doesn't work!  Boot with apic=debug and send a report.", 'timer-check-failed'],
    ["Too many boot init vars at `w32'", 'too-many-boot-words'],
    ['sysrq triggered crash', 'panic-in-capture'],
    ['mine: System is deadlocked on memory', 'panic-in-capture'],
  ] as const) {
    t.equal(panicked(message), `capture-panic/${detail}`, message);
  }
  const oom = atCapture()
    .console(
      '[    1.000000] tail invoked oom-killer: gfp_mask=0x140dca(GFP_HIGHUSER), order=0, oom_score_adj=0',
    )
    .console('[    1.100000] Kernel panic - not syncing: System is deadlocked on memory');
  const { evidence } = verdictOf(oom.end().records, PLAN);
  t.match(evidence.map(({ excerpt }) => excerpt).slice(-2), ['oom-killer', /deadlocked on memory/]);
});

void t.test('a CPU without a note degrades, unless it was never up', async (t) => {
  const run = (cpus: number, notes: number) =>
    new MadeRun()
      .boot({ cpus })
      .arm()
      .fire()
      .panic()
      .captureHello()
      .control(vmcoreFrame({ cpus: notes }));
  t.equal(verdict(run(4, 3), madePlan({ cpus: 4 })), 'captured/nonce-verified-degraded missing-cpu-notes');
  t.equal(verdict(run(4, 4), madePlan({ cpus: 4 })), 'captured/nonce-verified');
  t.equal(verdict(run(1, 1), madePlan({ cpus: 4 })), 'captured/nonce-verified', 'maxcpus=1');
});

void t.test('a panic of the capture kernel', async (t) => {
  t.equal(verdict(atCapture().panic().shutdown('guest-reset')), 'capture-panic/panic-in-capture');
  t.equal(
    verdict(firedRun().panic().panic().host(DEADLINE)),
    'crash-path-hang/deadline',
    'two panics of the first kernel',
  );
});

void t.test('resets, by the place they came from', async (t) => {
  const reset = (run: MadeRun) => verdict(run.shutdown('guest-reset'));
  t.equal(reset(firedRun().panic()), 'crash-path-reset/reset-before-jump');
  t.equal(reset(firedRun()), 'crash-path-reset/reset-without-panic');
  t.equal(reset(sampled(0x25800000n)), 'crash-path-reset/reset-in-jump');
  t.equal(reset(sampled(PURGATORY_RIP)), 'crash-path-reset/reset-in-purgatory');
  t.equal(reset(sampled(CAPTURE_START_RIP)), 'capture-reset/reset-before-banner');
  t.equal(reset(atCapture()), 'capture-reset/reset-in-capture-boot');
  t.equal(reset(inUserspace()), 'capture-reset/reset-in-userspace');
  t.equal(verdict(inUserspace().shutdown('guest-shutdown')), 'capture-no-vmcore/powered-off-unproved');
  t.equal(verdict(firedRun().shutdown('guest-shutdown')), 'no-panic/powered-off');
  t.equal(
    verdict(firedRun().panic().shutdown('guest-shutdown')),
    'crash-path-reset/reset-before-jump',
    'a power-off after a panic is not no-panic',
  );
});

void t.test('hangs, by the place they stand at', async (t) => {
  t.equal(verdict(stuckAt(0xffffffff81000000n, 0x13a8000n)), 'crash-path-hang/spin');
  t.equal(verdict(stuckAt(0x25800000n)), 'crash-path-hang/spin');
  t.equal(verdict(stuckAt(PURGATORY_RIP)), 'purgatory-hang/spin');
  t.equal(verdict(stuckAt(CAPTURE_START_RIP)), 'capture-hang/spin');
  t.equal(verdict(sampled(PURGATORY_RIP).host(DEADLINE)), 'purgatory-hang/deadline');
  t.equal(verdict(atCapture().host(DEADLINE)), 'capture-hang/deadline');
  const flood: HostFact = { fact: 'channel-limit', channel: 'console', limitBytes: 5 };
  t.equal(verdict(atCapture().host(flood)), 'capture-hang/console-flood');
  t.equal(verdict(firedRun().panic().host(flood)), 'crash-path-hang/console-flood');
  t.equal(
    verdict(firedRun().panic().console('[   11.000000] ---[ end Kernel panic - not syncing: x ]---')),
    'crash-path-hang/kexec-never-jumped',
  );
  t.equal(verdict(firedRun().host({ fact: 'watch-ended', answered: false })), 'crash-path-hang/silent');
});

void t.test('a hang that is not proved is not told as one', async (t) => {
  const run = firedRun().panic();
  for (let i = 0; i < 400; i++) run.later(140).sample([PARKED, PARKED, IDLE]);
  t.equal(verdict(run.host(DEADLINE)), 'crash-path-hang/deadline', 'a CPU idles with interrupts on');
  const digest = firedRun().panic();
  for (let i = 0; i < 73; i++) digest.later(140).sample([{ rip: PURGATORY_RIP, cr3: CRASH_CR3 }, PARKED]);
  t.equal(
    verdict(digest.captureBanner().captureHello().control(vmcoreFrame())),
    'captured/nonce-verified',
    '11 s of digest',
  );
});

void t.test('no crash kernel', async (t) => {
  const unarmed = () => new MadeRun().boot().fire().panic();
  t.equal(
    verdict(unarmed().console('[   11.000000] ---[ end Kernel panic - not syncing: x ]---'), ABSENT),
    'no-crash-kernel/panic-ended',
  );
  t.equal(
    verdict(unarmed().console('[   11.000000] Rebooting in 5 seconds..'), ABSENT),
    'no-crash-kernel/reboot-announced',
  );
  t.equal(verdict(unarmed().shutdown('guest-reset'), ABSENT), 'no-crash-kernel/shutdown');
  const boot = ['Linux version 6.1.0 (x)', 'Command line: console=ttyS0'];
  const secondBoot = new MadeRun()
    .console(...boot)
    .boot()
    .fire()
    .panic()
    .console(...boot);
  t.equal(verdict(secondBoot, ABSENT), 'no-crash-kernel/reboot-command-line');
  t.equal(verdict(unarmed().host(DEADLINE), ABSENT), 'crash-path-hang/deadline', 'a panic without any end');
  const loaded = new MadeRun().boot().arm().fire().panic().shutdown('guest-reset');
  t.equal(verdict(loaded, ABSENT), 'crash-path-reset/reset-before-jump', 'something was loaded after all');
});

void t.test('no panic', async (t) => {
  const answers: HostFact = { fact: 'watch-ended', answered: true };
  t.equal(verdict(firedRun().host(answers)), 'no-panic/still-answers');
  t.equal(
    verdict(firedRun().panic().host(answers).host(DEADLINE)),
    'crash-path-hang/deadline',
    'a panic was seen',
  );
  t.equal(
    verdict(firedRun().console('[   9.000000] app: Kernel panic - not syncing: x').host(answers)),
    'no-panic/still-answers',
  );
});

void t.test('boot failures', async (t) => {
  const start = () => new MadeRun().host({ fact: 'qemu-started', pid: 1 });
  const banner = () => start().console('[    0.000000] Linux version 6.1.0 (x)');
  t.equal(verdict(start().host(DEADLINE)), 'boot-failed/boot-silent');
  t.equal(verdict(banner().host(DEADLINE)), 'boot-failed/boot-deadline');
  t.equal(verdict(banner().panic().shutdown('guest-reset')), 'boot-failed/panic-during-boot');
  t.equal(verdict(banner().shutdown('guest-reset')), 'boot-failed/reset-during-boot');
  const flood: HostFact = { fact: 'channel-limit', channel: 'console', limitBytes: 5 };
  t.equal(verdict(banner().host(flood)), 'boot-failed/console-flood');
  t.equal(
    verdict(banner().console('app: Kernel panic - not syncing: x').host(DEADLINE)),
    'boot-failed/boot-deadline',
  );
});

void t.test('void: what was not proved', async (t) => {
  const arm = (changes: Parameters<typeof armedReport>[0]) =>
    verdict(new MadeRun().boot().arm(armedReport(changes)));
  t.equal(
    arm({ loaded: false, size: 0, range: false, error: 'not reserved' }),
    'void/crashkernel-not-reserved',
  );
  t.equal(arm({ loaded: false, error: 'no room' }), 'void/kexec-load-failed');
  t.equal(verdict(new MadeRun().boot().host(DEADLINE)), 'void/arming-deadline');
  t.equal(verdict(new MadeRun().boot().panic()), 'void/not-armed');
  t.equal(verdict(new MadeRun().boot({ release: b64('6.1.0-other') })), 'void/wrong-kernel');
  t.equal(verdict(new MadeRun().boot({ modulesFailed: b64(' edu.ko') })), 'void/module-failed');
  t.equal(verdict(new MadeRun().boot().arm().host(DEADLINE)), 'void/never-fired');
  t.equal(verdict(new MadeRun().boot().arm().panic()), 'void/panic-before-firing');
  const prepared = (status: number) =>
    verdict(
      new MadeRun()
        .boot()
        .arm()
        .host({ fact: 'prepared', what: 'w', status })
        .fire()
        .panic()
        .shutdown('guest-reset'),
    );
  t.equal(prepared(1), 'void/preparation-failed');
  t.equal(prepared(0), 'crash-path-reset/reset-before-jump');
});

void t.test('the last word on a proof counts', async (t) => {
  const proof = (what: string, proved: boolean): HostFact => ({ fact: 'proof', what, proved, saw: 'x' });
  const end: HostFact = { fact: 'watch-ended', answered: true };
  t.equal(verdict(firedRun().host(end).host(proof('a', false))), 'void/state-not-proved');
  t.equal(
    verdict(firedRun().host(proof('a', false)).host(end).host(proof('a', true))),
    'no-panic/still-answers',
  );
  t.equal(
    verdict(firedRun().host(proof('a', true)).host(proof('b', false)).host(end)),
    'void/state-not-proved',
  );
  t.equal(
    verdict(firedRun().host(proof('a', true)).host(end).host(proof('a', false))),
    'void/state-not-proved',
  );
  t.equal(
    verdict(
      new MadeRun().boot().arm().host(proof('a', false)).fire().panic().captureHello().control(vmcoreFrame()),
    ),
    'void/state-not-proved',
    'a capture of an unproved state proves nothing',
  );
});

void t.test('a claim that the guest does not confirm is named, although nothing was armed yet', async (t) => {
  const claim = (proved: boolean): HostFact => ({ fact: 'proof', what: 'IO-APIC', proved, saw: 'x' });
  t.equal(verdict(new MadeRun().boot().host(claim(false))), 'void/state-not-proved');
  t.equal(verdict(new MadeRun().boot().host(claim(true))), 'void/not-armed', 'a near miss');
});

void t.test('harness errors, and the proof that outlives them', async (t) => {
  const exit = (asked: boolean): HostFact => ({
    fact: 'qemu-exit',
    code: null,
    signal: 'SIGKILL',
    asked,
    stderr: '',
  });
  t.equal(verdict(atCapture().host(exit(false))), 'harness-error/qemu-died');
  t.equal(verdict(captured().host(exit(false))), 'captured/nonce-verified', 'after the proof');
  t.equal(
    verdict(atCapture().host(exit(false)).captureHello().control(vmcoreFrame())),
    'harness-error/qemu-died',
  );
  t.equal(
    verdict(atCapture().shutdown('guest-reset').host(exit(true))),
    'capture-reset/reset-in-capture-boot',
  );
  t.equal(
    verdict(atCapture().shutdown('host-signal', false).host(exit(true))),
    'harness-error/qemu-died',
    "a SIGTERM from another's hand is no reset, even when the exit looks asked for",
  );
  t.equal(verdict(atCapture().host({ fact: 'interrupted', by: 'SIGINT' })), 'harness-error/interrupted');
  t.equal(
    verdict(new MadeRun().host({ fact: 'harness-fault', message: 'no socket' })),
    'harness-error/harness-fault',
  );
  t.equal(verdict(firedRun().panic()), 'harness-error/undecided');
  t.equal(verdictOf(atCapture().records, PLAN).detail, 'unfinished-recording', 'no end');
  t.equal(verdictOf(captured().records, PLAN).word, 'captured', 'no end, but a proof');
});

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
