import t from 'tap';
import type { HostFact } from '../model/record.js';
import { verdictOf } from '../testing/recordings/fixtures.js';
import { armedReport, b64, firedRun, MadeRun, vmcoreFrame } from '../testing/builders/runs.js';
import { atCapture, captured, DEADLINE, PLAN, verdict } from '../testing/builders/verdicts.js';

void t.test('void: unproved states', async (t) => {
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
  const said = (more: { said?: string }) =>
    verdictOf(
      new MadeRun()
        .boot()
        .arm()
        .host({ fact: 'prepared', what: 'write /x', status: 1, ...more })
        .end().records,
      PLAN,
    ).explanation;
  t.match(
    said({ said: "sh: can't create /x: Permission denied" }),
    /write \/x: sh: can't create \/x: Permission denied$/,
  );
  t.match(said({}), /write \/x: exit status 1$/, 'an older recording');
  t.equal(prepared(0), 'crash-path-reset/reset-before-jump');
});

void t.test('the last record of a proof counts', async (t) => {
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
  const lost = { fact: 'host-lost', host: 'box', why: 'the connection was closed' } as const;
  t.equal(verdict(atCapture().host(lost)), 'harness-error/host-lost');
  t.equal(
    verdict(atCapture().host(lost).shutdown('host-signal', false)),
    'harness-error/host-lost',
    'its supervisor ends QEMU, which says so',
  );
  t.equal(verdict(captured().host(lost)), 'captured/nonce-verified', 'after the proof');
  const fault = { fact: 'harness-fault', message: 'no socket' } as const;
  const reset = () => atCapture().shutdown('guest-reset');
  t.equal(verdict(reset().host(fault)), 'harness-error/harness-fault');
  t.equal(
    verdict(reset().host({ ...fault, afterRun: true })),
    'capture-reset/reset-in-capture-boot',
    'what could not be undone afterwards is no part of the run',
  );
  t.equal(verdict(firedRun().panic()), 'harness-error/undecided');
  t.equal(verdictOf(atCapture().records, PLAN).detail, 'unfinished-recording', 'no end');
  t.equal(verdictOf(captured().records, PLAN).word, 'captured', 'no end, but a proof');
});
