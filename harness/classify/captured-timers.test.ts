import t from 'tap';
import type { Scenario } from '../plan/scenario.js';
import {
  armedReport,
  b64,
  frame,
  MadeRun,
  madePlan,
  RELEASE,
  vmcoreFrame,
} from '../testing/builders/runs.js';
import { atCapture, captured, DEADLINE, verdict } from '../testing/builders/verdicts.js';

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
  t.equal(verdict(run([trouble], [trouble])), 'captured/nonce-verified', 'the machine causes it');
  t.equal(verdict(run([trouble], [])), 'captured/nonce-verified', 'the crashed kernel alone');
  const other = '[    1.000000] hpet: Counter not counting. HPET disabled';
  t.equal(verdict(run([other], [trouble])), 'captured/nonce-verified-degraded apic-timer-disabled');
  const noted = '[    1.000000] tsc: Marking TSC unstable due to clocksource watchdog';
  t.equal(verdict(run([], [noted])), 'captured/nonce-verified', 'an effect of a busy host is noted only');
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
  t.equal(verdict(run(lapic, '')), 'captured/nonce-verified', 'a kernel that does not report it');
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
