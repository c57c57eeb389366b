import t from 'tap';
import { madeAutopsy, madeAutopsyVcpu, madeFrame } from '../testing/builders/autopsies.js';
import type { HostFact } from '../model/record.js';
import { verdictOf } from '../testing/recordings/fixtures.js';
import {
  armedReport,
  CAPTURE_START_RIP,
  CRASH_CR3,
  firedRun,
  IDLE,
  MadeRun,
  PARKED,
  PURGATORY_RIP,
  vmcoreFrame,
} from '../testing/builders/runs.js';
import {
  ABSENT,
  atCapture,
  DEADLINE,
  inUserspace,
  PLAN,
  PROVED,
  sampled,
  sampledBlind,
  stuckAt,
  verdict,
  WAITING,
} from '../testing/builders/verdicts.js';

void t.test('why a capture kernel panicked', async (t) => {
  const panicked = (message: string) =>
    verdict(atCapture().console(`[    1.000000] Kernel panic - not syncing: ${message}`));
  for (const [message, detail] of [
    ['System is deadlocked on memory', 'out-of-memory'],
    ['Out of memory: compulsory panic_on_oom is enabled', 'out-of-memory'],
    ['Out of memory and no killable processes...', 'out-of-memory'],
    ['alloc_low_pages: can not alloc memory', 'out-of-memory'],
    ['alloc_low_pages: no memory', 'panic-in-capture'],
    ['Out of memory is no reason', 'panic-in-capture'],
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

void t.test('a panic of the capture kernel', async (t) => {
  t.equal(verdict(atCapture().panic().shutdown('guest-reset')), 'capture-panic/panic-in-capture');
  t.equal(
    verdict(firedRun().panic().panic().host(DEADLINE)),
    'crash-path-hang/deadline',
    'two panics of the first kernel',
  );
});

void t.test('resets, by the place before them', async (t) => {
  const reset = (run: MadeRun) => verdict(run.shutdown('guest-reset'));
  t.equal(reset(firedRun().panic()), 'crash-path-reset/reset-before-jump');
  t.equal(reset(firedRun()), 'crash-path-reset/reset-without-panic');
  t.equal(reset(sampled(0x25800000n)), 'crash-path-reset/reset-in-jump');
  t.equal(reset(sampled(PURGATORY_RIP)), 'crash-path-reset/reset-in-purgatory');
  t.equal(reset(sampledBlind(PURGATORY_RIP)), 'crash-path-reset/reset-after-jump');
  t.equal(reset(sampledBlind(0xffffffff81000000n)), 'capture-reset/reset-before-banner');
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

void t.test('hangs, by their place', async (t) => {
  const proved = (run: MadeRun) => verdict(run.host(PROVED));
  t.equal(proved(stuckAt(0xffffffff81000000n, 0x13a8000n)), 'crash-path-hang/spin');
  t.equal(proved(stuckAt(0x25800000n)), 'crash-path-hang/spin');
  t.equal(proved(stuckAt(PURGATORY_RIP)), 'purgatory-hang/spin');
  t.equal(proved(stuckAt(CAPTURE_START_RIP)), 'capture-hang/spin');
  t.equal(verdict(sampled(PURGATORY_RIP).host(DEADLINE)), 'purgatory-hang/deadline');
  const blind = verdictOf(sampledBlind(PURGATORY_RIP).host(DEADLINE).end().records, PLAN);
  t.match(blind, { word: 'crash-path-hang', detail: 'deadline' });
  t.match(blind.explanation, /stuck after the jump, .*\(in which of them is not known: kexec_file_load/);
  t.equal(verdict(atCapture().host(DEADLINE)), 'capture-hang/deadline');
  const flood: HostFact = { fact: 'channel-limit', channel: 'console', limitBytes: 5 };
  t.equal(verdict(atCapture().host(flood)), 'cannot-tell/console-flood');
  t.equal(verdict(firedRun().panic().host(flood)), 'cannot-tell/console-flood');
  t.equal(
    verdict(firedRun().panic().console('[   11.000000] ---[ end Kernel panic - not syncing: x ]---')),
    'crash-path-hang/kexec-never-jumped',
  );
  t.equal(verdict(firedRun().host({ fact: 'watch-ended', answered: false })), 'crash-path-hang/silent');
});

void t.test('a steady shape of samples proves nothing', async (t) => {
  const rip = 0xffffffff81000000n;
  t.equal(verdict(stuckAt(rip, 0x13a8000n)), 'cannot-tell/not-examined', 'a recording that ends there');
  const delay = () => stuckAt(rip, 0x13a8000n).host(WAITING);
  t.equal(
    verdict(delay().captureBanner().captureHello().control(vmcoreFrame())),
    'captured/nonce-verified',
    'a delay of a minute',
  );
  const [cited] = verdictOf(stuckAt(rip, 0x13a8000n).host(PROVED).end().records, PLAN).evidence.filter(
    ({ what }) => what === 'examination',
  );
  t.match(cited?.excerpt, /^hung: vCPU 0 repeats .* 1000: jmp 0x1000/, 'the argument is evidence');
});

void t.test('the lock and its owner are named in the explanation', async (t) => {
  const explained = (...saw: string[]) => {
    const [first, ...others] = PROVED.vcpus.map((vcpu) => ({ ...vcpu }));
    if (first === undefined) throw new Error('no vCPU');
    const vcpus = [{ ...first, saw: ['1000: pause', ...saw] }, ...others];
    const run = stuckAt(0xffffffff81000000n, 0x13a8000n).host({ ...PROVED, vcpus });
    return verdictOf(run.end().records, PLAN).explanation;
  };
  const waits = 'it waits for the lock console_sem, which down_trylock takes';
  t.match(
    explained(waits),
    /with interrupts off; vCPU 0 waits for the lock console_sem, which down_trylock takes/,
  );
  t.match(
    explained(waits, 'vCPU 1, stopped in mask_ioapic_irq, is parked and cannot release a lock'),
    /down_trylock takes; vCPU 1, stopped in mask_ioapic_irq, is parked/,
  );
  t.notMatch(explained(waits, 'stack: panic'), /stack: panic/);
  t.notMatch(explained('reads 4 bytes'), /waits for/);
});

void t.test('what the autopsy found is in the explanation, and changes no verdict', async (t) => {
  const found = 'vCPU 0 spins on a_lock, held by vCPU 1, which was interrupted in up';
  const autopsy = madeAutopsy({
    vcpus: [madeAutopsyVcpu(0, [madeFrame('_raw_spin_lock'), madeFrame('old', { reliable: false })])],
    findings: [found, 'another'],
  });
  const hung = () => stuckAt(0xffffffff81000000n, 0x13a8000n).host(PROVED);
  t.equal(verdict(hung().host({ fact: 'autopsy', autopsy })), verdict(hung()));
  const run = hung().host({ fact: 'autopsy', autopsy });
  const { explanation, evidence } = verdictOf(run.end().records, PLAN);
  t.match(explanation, `; ${found}`);
  t.notMatch(explanation, 'another');
  const cited = evidence.filter(({ what }) => what === 'autopsy').map(({ excerpt }) => excerpt);
  t.strictSame(cited, [`${found} | another | cpu0: _raw_spin_lock < ? old`]);
  const late = firedRun().panic().host(DEADLINE).host({ fact: 'autopsy', autopsy });
  t.match(verdictOf(late.end().records, PLAN).explanation, `is not proved; ${found}`);
});

void t.test('a hang that is not proved is not reported as one', async (t) => {
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

const END_MARK = '[   11.000000] ---[ end Kernel panic - not syncing: x ]---';

void t.test('no crash kernel', async (t) => {
  const unarmed = () => new MadeRun().boot().fire().panic();
  t.equal(verdict(unarmed().console(END_MARK), ABSENT), 'no-crash-kernel/panic-ended');
  t.equal(
    verdict(unarmed().arm().console(END_MARK), ABSENT),
    'no-crash-kernel/panic-ended',
    'a report behind the firing is none',
  );
  t.equal(
    verdict(
      new MadeRun()
        .boot()
        .arm(armedReport({ loaded: false }))
        .arm()
        .fire()
        .panic()
        .console(END_MARK),
    ),
    'crash-path-hang/kexec-never-jumped',
    'the last report before it counts',
  );
  t.equal(
    verdict(
      unarmed().console(END_MARK).host({ fact: 'watch-ended', answered: true, afterPanic: true }),
      ABSENT,
    ),
    'no-panic/still-answers',
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

void t.test('a deadlock of paravirtual locks halts every vCPU, and is no end of a panic', async (t) => {
  const halted = (functions: readonly string[], inAutopsy = false) => {
    const run = new MadeRun().boot().fire().panic();
    for (let i = 0; i < 60; i++) run.later(140).sample([PARKED, PARKED]);
    for (const vcpu of [0, 1]) {
      const at = {
        vcpu,
        place: 'first-kernel',
        rip: 'ffffffff81000000',
        halted: true,
        interruptsOn: false,
      } as const;
      run.host({ fact: 'last-place', ...at });
      if (!inAutopsy)
        run.host({ fact: 'stack', vcpu, functions: [...functions], line: functions.join(' < ') });
    }
    const frames = functions.map((name) => madeFrame(name));
    const vcpus = [0, 1].map((vcpu) => madeAutopsyVcpu(vcpu, frames));
    if (inAutopsy) run.host({ fact: 'autopsy', autopsy: madeAutopsy({ vcpus }) });
    return run;
  };
  const panicked = halted(['native_halt', 'stop_this_cpu', 'native_stop_other_cpus', 'panic']);
  t.equal(verdict(panicked, ABSENT), 'no-crash-kernel/hang');
  const locked = halted(['kvm_wait', '__pv_queued_spin_lock_slowpath', '_raw_spin_lock', 'vprintk_emit']);
  t.equal(verdict(locked, ABSENT), 'crash-path-hang/all-vcpus-halted');
  const autopsied = halted(['kvm_wait', '__pv_queued_spin_lock_slowpath', '_raw_spin_lock'], true);
  t.equal(verdict(autopsied, ABSENT), 'crash-path-hang/all-vcpus-halted', 'stacks of an autopsy');
  t.match(verdictOf(locked.records, ABSENT).explanation, /vCPU 0, 1 wait for a paravirtual lock, in hlt/);
  const below = halted(['native_halt', 'stop_this_cpu', 'crash_nmi_callback', 'kvm_wait']);
  t.equal(verdict(below, ABSENT), 'no-crash-kernel/hang', 'what an NMI interrupted does not wait any more');
});

void t.test('a guest that QEMU gave up', async (t) => {
  const why = 'KVM internal error, suberror 1: an instruction that it cannot emulate at 0xdeadbee0';
  const given = (whose: 'guest' | 'unknown'): HostFact => ({
    fact: 'given-up',
    state: 'internal-error',
    whose,
    why,
  });
  t.equal(verdict(firedRun().panic().host(given('unknown'))), 'cannot-tell/given-up');
  t.equal(verdict(firedRun().panic().host(given('guest'))), 'crash-path-hang/no-memory-at-rip');
  t.equal(verdict(atCapture().host(given('guest'))), 'capture-hang/no-memory-at-rip');
  t.equal(verdict(new MadeRun().boot().host(given('guest'))), 'cannot-tell/given-up', 'nothing was fired');
  const proved = firedRun().panic().captureBanner().captureHello().control(vmcoreFrame());
  t.match(verdict(proved.host(given('unknown'))), /^captured/, 'what was proved before stands');
});

void t.test('no panic', async (t) => {
  const answers: HostFact = { fact: 'watch-ended', answered: true };
  t.equal(verdict(firedRun().host(answers)), 'no-panic/still-answers');
  t.equal(
    verdict(firedRun().panic().host(answers).host(DEADLINE)),
    'crash-path-hang/deadline',
    'a panic was seen',
  );
  const livesOn: HostFact = { ...answers, afterPanic: true };
  t.equal(verdict(firedRun().panic().host(livesOn)), 'no-panic/still-answers', 'anybody can print that line');
  const wholeReport = () => firedRun().panic().console(END_MARK);
  t.equal(verdict(wholeReport().host(livesOn)), 'no-panic/still-answers', 'and all of a report');
  t.equal(verdict(wholeReport().host(answers)), 'crash-path-hang/kexec-never-jumped');
  t.equal(
    verdict(
      firedRun().panic().host({ fact: 'watch-ended', answered: false, afterPanic: true }).host(DEADLINE),
    ),
    'crash-path-hang/deadline',
  );
  t.equal(
    verdict(firedRun().host(answers).panic().host(DEADLINE)),
    'crash-path-hang/deadline',
    'it answered before it panicked',
  );
  t.equal(
    verdict(sampled(0xffffffff81000000n).captureBanner().host(livesOn).host(DEADLINE)),
    'capture-hang/deadline',
    'the capture kernel started',
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
  t.equal(verdict(banner().host(flood)), 'cannot-tell/console-flood');
  t.equal(
    verdict(banner().console('app: Kernel panic - not syncing: x').host(DEADLINE)),
    'boot-failed/boot-deadline',
  );
});
