import t from 'tap';
import { b64, firedRun, frame, MadeRun, madePlan, vmcoreFrame } from '../testing/builders/runs.js';
import { captured, DEADLINE, inUserspace, verdict } from '../testing/builders/verdicts.js';

void t.test('captured: the proof and nothing else', async (t) => {
  t.equal(verdict(captured()), 'captured/nonce-verified');
  t.equal(
    verdict(firedRun().captureHello().control(vmcoreFrame())),
    'captured/nonce-verified',
    'a silent console',
  );
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

void t.test('memory that ran out degrades a capture', async (t) => {
  const killed = '[    2.000000] Out of memory: Killed process 77 (sh) total-vm:1kB, anon-rss:1kB';
  t.equal(verdict(captured().console(killed)), 'captured/nonce-verified-degraded oom-kill');
  t.equal(
    verdict(firedRun().console(killed).panic().captureHello().control(vmcoreFrame())),
    'captured/nonce-verified',
    "the crashed kernel's own",
  );
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
