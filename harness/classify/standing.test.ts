import t from 'tap';
import type { HostFact } from '../model/record.js';
import { frame, IDLE, MadeRun, PARKED, vmcoreFrame } from '../testing/builders/runs.js';
import { DEADLINE, firedAfter, sampled, verdict } from '../testing/builders/verdicts.js';

const EARLIER = [
  '[    5.000000] Kernel panic - not syncing: of an earlier crash',
  '[    5.000000] ---[ end Kernel panic - not syncing: of an earlier crash ]---',
];
const OTHER_KERNEL = [
  '[    6.000000] Linux version 6.1.0-99-amd64 (debian)',
  '[    6.000000] Command line: console=ttyS0 elfcorehdr=0x1234K',
  '[    6.000000] Kernel panic - not syncing: of that capture kernel',
];
const REPLY = frame({ ev: 'reply', id: 7, status: 0, out: '' });
const LIVES: HostFact = { fact: 'watch-ended', answered: true, afterPanic: true };

/** A run whose guest printed lines while it was prepared, and answered afterwards. */
const quoting = (...lines: string[]) => firedAfter((run) => run.console(...lines).control(REPLY));

void t.test('what the console told before the last answer is a quotation', async (t) => {
  const sound = (run: MadeRun) =>
    run
      .panic()
      .captureBanner()
      .captureHello()
      .control(vmcoreFrame())
      .control(frame({ ev: 'capture-done' }));
  t.match(verdict(sound(quoting(...EARLIER)).shutdown('guest-shutdown')), /^captured\/nonce-verified$/);
  t.match(verdict(sound(quoting(...OTHER_KERNEL)).shutdown('guest-shutdown')), /^captured\/nonce-verified$/);
  t.equal(
    verdict(quoting(...EARLIER).host({ fact: 'watch-ended', answered: true })),
    'no-panic/still-answers',
  );
  t.equal(
    verdict(
      quoting(...OTHER_KERNEL)
        .panic()
        .host(DEADLINE),
    ),
    'crash-path-hang/deadline',
  );
  t.equal(verdict(quoting(...EARLIER).shutdown('guest-shutdown')), 'no-panic/powered-off');
});

void t.test('what it tells after the last answer counts', async (t) => {
  const unanswered = firedAfter((run) => run.control(REPLY).console(...EARLIER));
  t.equal(verdict(unanswered.host(DEADLINE)), 'crash-path-hang/kexec-never-jumped', 'before it was fired');
  t.equal(
    verdict(
      firedAfter((run) => run)
        .console(...EARLIER)
        .host(DEADLINE),
    ),
    'crash-path-hang/kexec-never-jumped',
  );
  const died = new MadeRun()
    .boot()
    .arm()
    .console(...EARLIER)
    .shutdown('guest-reset');
  t.equal(verdict(died), 'void/panic-before-firing');
});

void t.test('an answer refutes a capture kernel of which only the console tells', async (t) => {
  const told = () => firedAfter((run) => run).console(...EARLIER.slice(0, 1), ...OTHER_KERNEL);
  t.equal(verdict(told().host(LIVES)), 'no-panic/still-answers');
  t.equal(verdict(told().host(DEADLINE)), 'capture-panic/panic-in-capture', 'no answer');
  t.equal(
    verdict(
      sampled(0xffffffff81000000n)
        .console(...OTHER_KERNEL)
        .host(LIVES),
    ),
    'capture-panic/panic-in-capture',
    'page tables show a capture kernel',
  );
});

void t.test('a guest that does not answer and is not in panic()', async (t) => {
  const silent = (cpu: number) =>
    firedAfter((run) => run)
      .sample([IDLE, IDLE])
      .host({ fact: 'watch-ended', answered: false })
      .host(DEADLINE)
      .host({ fact: 'panic-cpu', cpu });
  t.equal(verdict(silent(-1)), 'no-panic/never-panicked');
  t.equal(verdict(silent(0)), 'crash-path-hang/deadline', 'CPU 0 is in panic()');
  t.equal(verdict(silent(-1).panic()), 'no-panic/never-panicked', 'it printed a panic');
  t.equal(verdict(silent(0).panic()), 'crash-path-hang/deadline');
  t.equal(verdict(silent(-1).console(...OTHER_KERNEL)), 'no-panic/never-panicked', 'and of another kernel');
  t.equal(verdict(silent(-1).captureHello()), 'capture-hang/deadline', 'a capture kernel runs');
  const stuck = firedAfter((run) => run);
  for (let i = 0; i < 60; i++) stuck.later(100).sample([{ rip: 0xffffffff81003000n }, IDLE]);
  t.equal(
    verdict(stuck.host(DEADLINE).host({ fact: 'panic-cpu', cpu: -1 })),
    'crash-path-hang/deadline',
    'one vCPU stands still with interrupts off',
  );
});

void t.test('a guest that ended itself without a panic', async (t) => {
  const ended = (
    cpu: number,
    { functions = [], shutdown, cause }: { functions?: string[]; shutdown?: string; cause?: HostFact },
    before: (run: MadeRun) => MadeRun = (run) => run,
  ) => {
    const run = before(firedAfter((early) => early).sample([IDLE, IDLE]));
    if (shutdown === undefined) for (let i = 0; i < 60; i++) run.later(100).sample([PARKED, PARKED]);
    else run.shutdown(shutdown);
    if (cause !== undefined) run.host(cause);
    return run.host({ fact: 'panic-cpu', cpu }).host({ fact: 'stack', vcpu: 0, functions, line: '' });
  };
  const REBOOT = ['native_machine_emergency_restart', '__do_sys_reboot', 'do_syscall_64'];
  const requested: HostFact = { fact: 'reset-cause', cause: 'other-reset', saw: 'no triple fault' };
  const tripleFault: HostFact = { fact: 'reset-cause', cause: 'triple-fault', saw: 'a triple fault' };
  const reset = { shutdown: 'guest-reset' };
  t.equal(verdict(ended(-1, { ...reset, cause: requested })), 'no-panic/rebooted');
  t.equal(
    verdict(ended(-1, { ...reset, cause: tripleFault, functions: REBOOT })),
    'no-panic/rebooted',
    'reboot=t: the triple fault is the request',
  );
  t.equal(
    verdict(ended(-1, { ...reset, cause: tripleFault, functions: ['default_do_nmi'] })),
    'crash-path-reset/reset-without-panic',
    'a triple fault elsewhere',
  );
  t.equal(
    verdict(ended(0, { ...reset, cause: requested, functions: REBOOT })),
    'crash-path-reset/reset-without-panic',
    'a CPU is in panic()',
  );
  t.equal(
    verdict(ended(-1, { ...reset, cause: requested }, (run) => run.panic())),
    'no-panic/rebooted',
    'its console tells of a panic',
  );
  t.equal(
    verdict(ended(-1, { shutdown: 'guest-shutdown' }, (run) => run.panic().console(...OTHER_KERNEL))),
    'no-panic/powered-off',
  );
  t.equal(
    verdict(ended(1, { shutdown: 'guest-shutdown' }, (run) => run.panic())),
    'crash-path-reset/reset-before-jump',
  );
  const HALT = ['stop_this_cpu', 'native_machine_halt', '__do_sys_reboot'];
  t.equal(verdict(ended(-1, { functions: HALT })), 'no-panic/halted');
  t.equal(verdict(ended(0, { functions: HALT })), 'crash-path-hang/all-vcpus-halted', 'a CPU is in panic()');
  t.equal(
    verdict(ended(-1, { functions: ['stop_this_cpu', 'nmi_handle'] })),
    'crash-path-hang/all-vcpus-halted',
    'nobody asked for a halt',
  );
});

void t.test('a guest that suspended the machine to memory', async (t) => {
  const suspended = () =>
    firedAfter((run) => run)
      .sample([IDLE, IDLE])
      .qmp({ event: 'SUSPEND' });
  const noPanic: HostFact = { fact: 'panic-cpu', cpu: -1 };
  t.equal(verdict(suspended().host(noPanic)), 'no-panic/suspended');
  t.equal(verdict(suspended().host(DEADLINE)), 'crash-path-hang/deadline', 'not shown where panic_cpu is');
  t.equal(
    verdict(suspended().qmp({ event: 'WAKEUP' }).panic().host(DEADLINE).host({ fact: 'panic-cpu', cpu: 0 })),
    'crash-path-hang/deadline',
    'something woke it, and it panicked',
  );
  const still = suspended();
  for (let i = 0; i < 60; i++) still.later(100).sample([PARKED, PARKED]);
  t.equal(verdict(still.host(noPanic)), 'no-panic/suspended', 'vCPUs that stand still are no hang');
});

void t.test('another kernel that is no crash kernel', async (t) => {
  const MISSING = frame({ ev: 'vmcore-missing', why: '' });
  const started = (commandLine: string) =>
    firedAfter((run) => run)
      .captureHello(commandLine)
      .control(MISSING)
      .shutdown('guest-shutdown');
  t.equal(verdict(started('console=ttyS0')), 'no-panic/rebooted', 'kexec -e');
  t.equal(verdict(started('console=ttyS0 elfcorehdr=0x1K')), 'capture-no-vmcore/vmcore-missing');
  t.equal(
    verdict(
      firedAfter((run) => run)
        .panic()
        .captureHello('console=ttyS0')
        .control(MISSING),
    ),
    'capture-no-vmcore/vmcore-missing',
    'after a panic',
  );
});

void t.test('a capture kernel that reports its end and powers off did not panic before', async (t) => {
  const PANIC = '[    3.000000] Kernel panic - not syncing: of an earlier crash';
  const DONE = frame({ ev: 'capture-done' });
  const proved = () =>
    firedAfter((run) => run)
      .panic()
      .captureBanner()
      .console(PANIC)
      .captureHello()
      .control(vmcoreFrame());
  t.equal(verdict(proved().control(DONE).shutdown('guest-shutdown')), 'captured/nonce-verified');
  t.match(verdict(proved().control(DONE).shutdown('guest-reset')), /degraded panic-in-capture/, 'it resets');
  t.match(verdict(proved().shutdown('guest-shutdown')), /degraded panic-in-capture/, 'it reports no end');
  const late = firedAfter((run) => run)
    .panic()
    .captureBanner()
    .captureHello()
    .control(vmcoreFrame())
    .control(DONE);
  t.match(
    verdict(late.console(PANIC).shutdown('guest-shutdown')),
    /degraded panic-in-capture/,
    'in its power-off',
  );
});

void t.test('a host name that is not the nonce any more', async (t) => {
  const reply = (named?: boolean) =>
    frame({ ev: 'reply', id: 7, status: 0, out: '', ...(named === undefined ? {} : { named }) });
  const crashed = (...named: (boolean | undefined)[]) =>
    firedAfter((run) => {
      for (const each of named) run.control(reply(each));
      return run;
    })
      .panic()
      .captureBanner()
      .captureHello()
      .control(vmcoreFrame({ nodename: 'elsewhere' }));
  t.equal(verdict(crashed(true, false)), 'void/state-not-proved');
  t.equal(verdict(crashed(false, true)), 'capture-no-vmcore/nonce-mismatch', 'it was set right again');
  t.equal(verdict(crashed(true)), 'capture-no-vmcore/nonce-mismatch', 'the name was right');
  t.equal(verdict(crashed(undefined)), 'capture-no-vmcore/nonce-mismatch', 'an older recording');
  t.equal(verdict(crashed(true).control(reply(false))), 'capture-no-vmcore/nonce-mismatch', 'after firing');
});
