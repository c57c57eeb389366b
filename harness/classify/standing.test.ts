import t from 'tap';
import type { HostFact } from '../model/record.js';
import { frame, IDLE, MadeRun, vmcoreFrame } from '../testing/builders/runs.js';
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
