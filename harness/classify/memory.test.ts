import t from 'tap';
import type { HostFact } from '../model/record.js';
import { CRASH_CR3, firedRun, type MadeRun, PARKED } from '../testing/builders/runs.js';
import { atCapture, DEADLINE, PLAN, verdict } from '../testing/builders/verdicts.js';
import { verdictOf } from '../testing/recordings/fixtures.js';

const IN_CAPTURE = { rip: 0xffffffff82000000n, cr3: CRASH_CR3 };
const NO_ROOT = 'VFS: Unable to mount root fs on unknown-block(0,0)';

function kernelLog(side: 'production' | 'capture', ...lines: string[]): HostFact {
  return { fact: 'kernel-log', side, text: lines.map((line) => `${line}\n`).join('') };
}

function place(vcpu: number, changes: Partial<Extract<HostFact, { fact: 'last-place' }>> = {}): HostFact {
  return {
    fact: 'last-place',
    vcpu,
    place: 'first-kernel',
    rip: 'ffffffff81000005',
    halted: false,
    interruptsOn: false,
    ...changes,
  };
}

const explained = (run: MadeRun) => verdictOf(run.end().records, PLAN).explanation;

void t.test('a silent capture kernel panics: its log says so', async (t) => {
  const silent = () => firedRun().panic().sample([IN_CAPTURE, PARKED]);
  const log = kernelLog('capture', `[    1.800000] Kernel panic - not syncing: ${NO_ROOT}`);
  t.equal(verdict(silent().host(DEADLINE).host(log)), 'capture-panic/no-init');
  t.equal(verdict(silent().shutdown('guest-reset').host(log)), 'capture-panic/no-init');
  t.equal(
    verdict(silent().host(DEADLINE).host(kernelLog('capture', '[    1.800000] ordinary'))),
    'capture-hang/deadline',
    'a log without a panic',
  );
  t.equal(
    verdict(silent().console(`[    1.800000] Kernel panic - not syncing: ${NO_ROOT}`)),
    'capture-panic/no-init',
    'a line that quiet lets through is of the kernel that runs',
  );
});

void t.test("the crashed kernel's log shows the panic that the console did not", async (t) => {
  const silent = firedRun().host(DEADLINE);
  silent.host(kernelLog('production', '[    9.000000] Kernel panic - not syncing: sysrq triggered crash'));
  const { word, phases } = verdictOf(silent.end().records, PLAN);
  t.equal(word, 'crash-path-hang');
  t.ok(phases.some(({ phase }) => phase === 'panic-entered'));
});

void t.test('a rung that only a log shows is not later than the next one', async (t) => {
  const run = firedRun().sample([IN_CAPTURE, PARKED]).later(60_000);
  run.host(kernelLog('production', '[    9.000000] Kernel panic - not syncing: sysrq triggered crash'));
  const { phases } = verdictOf(run.host(DEADLINE).end().records, PLAN);
  const times = phases.map(({ atMs }) => atMs);
  t.strictSame(
    times,
    times.toSorted((one, other) => one - other),
  );
});

void t.test('the last places are in the sentence', async (t) => {
  const stuck = firedRun()
    .panic()
    .host(DEADLINE)
    .host(place(0, { halted: true, where: 'native_halt+0xa/0x10' }))
    .host(place(1, { where: 'spin_here+0x5/0x20' }))
    .host({ fact: 'stack', vcpu: 1, functions: ['spin_here', '__crash_kexec', 'panic'], line: 'x' });
  t.match(
    explained(stuck),
    '(vCPU 1 in spin_here+0x5 < __crash_kexec < panic; vCPU 0 halted with interrupts off in native_halt+0xa)',
  );
  t.match(
    explained(firedRun().panic().host(DEADLINE).host(place(0))),
    '(vCPU 0 in first-kernel at 0xffffffff81000005)',
  );
  t.notMatch(explained(firedRun().panic().host(DEADLINE)), 'vCPU', 'older recordings have none');
});

void t.test('what the kernel reported while it crashed is cited', async (t) => {
  const BUG = '[   10.100000] kernel BUG at arch/x86/kernel/crash.c:1!';
  const WARN =
    '[   10.100000] WARNING: CPU: 0 PID: 1 at arch/x86/kernel/reboot.c:867 nmi_shootdown_cpus+0x1/0x2';
  t.match(explained(firedRun().panic().console(BUG).host(DEADLINE)), /kernel BUG at .* while it crashed/);
  t.match(explained(firedRun().panic().console(WARN).host(DEADLINE)), /WARNING: .* while it crashed/);
  t.notMatch(explained(firedRun().console(BUG).panic().host(DEADLINE)), 'BUG', 'the trigger itself');
  t.notMatch(explained(firedRun().console(WARN).panic().host(DEADLINE)), 'WARNING');
  t.match(
    explained(atCapture().console(BUG).host(DEADLINE)),
    /kernel BUG at .* before/,
    'the capture kernel',
  );
  t.match(
    explained(firedRun().panic().panic().host(DEADLINE)),
    /sysrq triggered crash" while it crashed/,
    'again',
  );
  t.equal(
    verdict(firedRun().panic().console('[   10.100000] int3: 0000 [#1] PREEMPT SMP NOPTI').host(DEADLINE)),
    'crash-path-hang/deadline',
  );
});

void t.test('why the machine reset', async (t) => {
  const reset = (reason: string, ...facts: HostFact[]) => {
    const run = firedRun().panic().shutdown(reason);
    for (const fact of facts) run.host(fact);
    return explained(run);
  };
  const cause = (saw: string): HostFact => ({ fact: 'reset-cause', cause: 'triple-fault', saw });
  t.match(reset('guest-shutdown'), /powered off between the panic/);
  t.notMatch(reset('guest-shutdown'), /triple/);
  t.match(reset('guest-reset'), /a triple fault looks like this/, 'older recordings');
  t.match(
    reset(
      'guest-reset',
      cause('a triple fault of vCPU 2'),
      place(0),
      place(2, { place: 'firmware', rip: 'fd09a' }),
    ),
    /a triple fault of vCPU 2; vCPU 2 was never started by the kernel/,
  );
  t.notMatch(reset('guest-reset', cause('a triple fault'), place(0)), /never started/);
});
