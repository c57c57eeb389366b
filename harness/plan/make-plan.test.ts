import t from 'tap';
import type { Step } from '../trigger/choreography-steps.js';
import type { Scenario } from './scenario.js';
import { RunPlanSchema } from './run-plan.js';
import { madePlan } from '../testing/builders/runs.js';
import { limitsFor } from './limits.js';
import { MachineProfileSchema } from './machine-profile.js';
import { type GuestChoices, makePlan, renamedPlan, reservingPlan } from './make-plan.js';
import { qemuArguments, RUN_FILES } from '../machine/qemu/arguments.js';

const { scenario: SCENARIO, kernel } = madePlan();
const captureKernel = { ...kernel, label: 'other', bzImage: '/kernels/other/vmlinuz' };

function plan(
  options: {
    guest?: Scenario['guest'];
    choices?: GuestChoices;
    accel?: 'kvm' | 'tcg';
    unproved?: string;
    watchMs?: number;
    trigger?: Scenario['trigger'];
  } = {},
) {
  const { guest = {}, choices = {}, accel = 'tcg', unproved, watchMs, trigger = SCENARIO.trigger } = options;
  return makePlan(
    { ...SCENARIO, guest, trigger, ...(watchMs === undefined ? {} : { watchMs }) },
    {
      kernel,
      captureKernel,
      accel: { accel, reason: 'made', ...(unproved === undefined ? {} : { unproved }) },
      qemu: { binary: 'qemu', version: '7.2', argumentsFor: qemuArguments },
      initrd: '/images/p.cpio',
    },
    { identity: { campaign: 'c', runId: 'r-1', trial: 3, nonce: 'cp-1' }, choices },
  );
}

/** The word after an option. */
function after(args: readonly string[], option: string): string | undefined {
  const at = args.indexOf(option);
  return at < 0 ? undefined : args[at + 1];
}

void t.test('defaults', async (t) => {
  const made = plan();
  t.strictSame(made.machine, { type: 'pc', cpuModel: 'max', cpus: 2, memoryMiB: 768 });
  t.equal(made.append, 'console=ttyS0,115200 crashkernel=192M');
  t.equal(made.captureAppend, 'console=ttyS0,115200 irqpoll nr_cpus=1 reset_devices');
  t.match(made, { campaign: 'c', runId: 'r-1', trial: 3, nonce: 'cp-1', modules: [] });
  t.equal(plan({ accel: 'kvm' }).machine.cpuModel, 'host');
});

void t.test('a KVM that is not proved has the deadlines of TCG, and the plan says so', async (t) => {
  const unproved = 'it crawls';
  const made = plan({ accel: 'kvm', unproved });
  t.match(made.accel, { accel: 'kvm', unproved });
  t.equal(made.machine.cpuModel, 'host');
  t.strictSame(made.limits, plan({ accel: 'tcg' }).limits);
  t.notSame(plan({ accel: 'kvm' }).limits, made.limits);
  t.strictSame(RunPlanSchema.parse(made).accel, made.accel);
});

void t.test('the scenario overrides the defaults, the caller overrides the scenario', async (t) => {
  const guest = {
    cpus: 4,
    memoryMiB: 1024,
    crashkernel: '256M',
    append: 'nokaslr',
    captureAppend: 'nolapic',
  };
  t.match(plan({ guest }), {
    machine: { cpus: 4, memoryMiB: 1024 },
    append: 'console=ttyS0,115200 crashkernel=256M nokaslr',
    captureAppend: 'console=ttyS0,115200 irqpoll nr_cpus=1 reset_devices nolapic',
  });
  const choices = {
    cpus: 1,
    memoryMiB: 512,
    machine: 'q35',
    cpuModel: 'qemu64',
    crashkernel: '128M',
    append: 'quiet',
    captureAppend: 'debug',
  };
  t.match(plan({ guest, choices }), {
    machine: { type: 'q35', cpuModel: 'qemu64', cpus: 1, memoryMiB: 512 },
    append: 'console=ttyS0,115200 crashkernel=128M nokaslr quiet',
    captureAppend: 'console=ttyS0,115200 irqpoll nr_cpus=1 reset_devices nolapic debug',
  });
  t.equal(plan({ choices: { append: '' } }).append, plan().append, 'an empty choice adds no blank');
});

void t.test('words of the user replace ours, in both command lines', async (t) => {
  const two = 'crashkernel=128M,high crashkernel=72M,low';
  t.equal(plan({ choices: { append: two } }).append, `console=ttyS0,115200 ${two}`);
  t.equal(
    plan({ guest: { crashkernel: '256M' }, choices: { append: two } }).append,
    `console=ttyS0,115200 ${two}`,
  );
  t.equal(
    plan({ guest: { append: two }, choices: { crashkernel: '96M' } }).append,
    'console=ttyS0,115200 crashkernel=96M',
  );
  t.equal(plan({ choices: { crashkernel: '128M,high 72M,low' } }).append, `console=ttyS0,115200 ${two}`);
  t.equal(
    plan({ guest: { captureAppend: 'nr_cpus=2' }, choices: { captureAppend: 'nr_cpus=4' } }).captureAppend,
    'console=ttyS0,115200 irqpoll nr_cpus=4 reset_devices',
  );
});

void t.test('words that contradict each other, or that the kernel would not read, are refused', async (t) => {
  const refused = (options: Parameters<typeof plan>[0], message: RegExp) =>
    t.throws(() => plan(options), { name: 'Fault', kind: 'usage', message });
  refused(
    { choices: { crashkernel: '96M', append: 'crashkernel=64M' } },
    /--crashkernel "96M": --append has crashkernel=64M as well/,
  );
  refused(
    { guest: { crashkernel: '96M', append: 'crashkernel=64M' } },
    /the crashkernel of scenario "made" "96M": the append of scenario "made" has/,
  );
  refused({ choices: { captureAppend: 'quiet -- x' } }, /--capture-append "quiet -- x": .*leave -- out/);
  refused({ guest: { append: 'a="b' } }, /the append of scenario "made" "a="b": it has an unclosed quote/);
});

void t.test(
  'a whole capture command line replaces what lies below it, and keeps what the proof needs',
  async (t) => {
    const lineOf = (options: Parameters<typeof plan>[0]) => plan(options).captureAppend;
    const whole = { captureCmdline: 'irqpoll maxcpus=1 root=UUID=1 console=ttyS0' };
    t.equal(lineOf({ choices: whole }), whole.captureCmdline);
    t.equal(lineOf({ choices: { captureCmdline: '' } }), '', 'an empty one as well');
    t.equal(
      lineOf({ guest: { captureAppend: 'nolapic' }, choices: { ...whole, vmcore: 'nonce' } }),
      `crashpath.vmcore=nonce ${whole.captureCmdline}`,
    );
    t.equal(
      lineOf({ guest: whole, choices: { captureAppend: 'maxcpus=2 quiet' } }),
      'irqpoll root=UUID=1 console=ttyS0 maxcpus=2 quiet',
      "the caller's words are above the scenario's line",
    );
    const refused = (options: Parameters<typeof plan>[0], message: RegExp) =>
      t.throws(() => plan(options), { name: 'Fault', kind: 'usage', message });
    refused(
      { choices: { captureCmdline: 'quiet', captureAppend: 'nolapic' } },
      /--capture-cmdline "quiet" with --capture-append: it is the whole command line; write/,
    );
    refused(
      { choices: { captureCmdline: 'elfcorehdr=1' } },
      /--capture-cmdline "elfcorehdr=1": .*leave it out/,
    );
    refused(
      { choices: { captureCmdline: 'crashpath.vmcore=nonce' } },
      /a word of crashpath's own; use --vmcore/,
    );
  },
);

void t.test('the system call that loads the crash kernel', async (t) => {
  t.equal(plan().loadSyscall, 'kexec_load');
  const guest = { loadSyscall: 'kexec_file_load' } as const;
  t.equal(plan({ guest }).loadSyscall, 'kexec_file_load');
  t.equal(plan({ guest, choices: { loadSyscall: 'kexec_load' } }).loadSyscall, 'kexec_load');
  const { loadSyscall: _, ...older } = plan();
  t.equal(RunPlanSchema.parse(older).loadSyscall, 'kexec_load', 'kexec -p of older runs');
  const flips = { ...SCENARIO, prepare: [{ flipCrashImage: { offset: 1 } }] };
  const load = (loadSyscall: 'kexec_load' | 'kexec_file_load') => () => {
    const { accel, qemu } = madePlan();
    const resources = { kernel, captureKernel, accel, qemu: { ...qemu, argumentsFor: () => [] }, initrd: '' };
    return makePlan(flips, resources, { identity: madePlan(), choices: { loadSyscall } });
  };
  t.throws(load('kexec_file_load'), {
    kind: 'usage',
    message: /"made" with --load-syscall kexec_file_load: its flipCrashImage needs the place/,
  });
  t.doesNotThrow(load('kexec_load'));
});

void t.test('a plan survives storage', async (t) => {
  t.strictSame(RunPlanSchema.parse(JSON.parse(JSON.stringify(plan()))), JSON.parse(JSON.stringify(plan())));
  t.throws(() => RunPlanSchema.parse({ ...plan(), schema: 2 }), 'another schema');
});

void t.test("QEMU's command line is that of the plan", async (t) => {
  const { args } = plan({ guest: { cpus: 3, memoryMiB: 900 } }).qemu;
  t.equal(after(args, '-smp'), '3');
  t.equal(after(args, '-m'), '900M');
  t.equal(after(args, '-kernel'), kernel.bzImage, 'the first kernel, not the capture kernel');
  t.equal(after(args, '-initrd'), '/images/p.cpio');
  t.equal(after(args, '-append'), 'console=ttyS0,115200 crashkernel=192M');
  t.equal(after(args, '-name'), 'crashpath-r-1');
  t.equal(after(args, '-accel'), 'tcg,thread=multi');
  t.equal(after(plan({ accel: 'kvm' }).qemu.args, '-accel'), 'kvm');
});

void t.test('the two UARTs are FIFOs in the run directory, the console first', async (t) => {
  const { args } = plan().qemu;
  const serials = args.filter((_, index) => args[index - 1] === '-serial');
  t.strictSame(serials, ['chardev:console', 'chardev:control']);
  const chardevs = args.filter((_, index) => args[index - 1] === '-chardev');
  t.strictSame(chardevs, [
    `pipe,id=console,path=${RUN_FILES.consolePipe}`,
    `pipe,id=control,path=${RUN_FILES.controlPipe}`,
    `socket,id=qmp,path=${RUN_FILES.qmpSocket},server=on,wait=off`,
    `socket,id=gdb,path=${RUN_FILES.gdbSocket},server=on,wait=off`,
  ]);
  t.notOk(
    args.some((word) => /tcp|telnet|vnc|-net|host=/.test(word)),
    'nothing listens on a network',
  );
  for (const name of Object.values(RUN_FILES)) t.notMatch(name, /\//, 'names are relative');
});

void t.test('deadlines', async (t) => {
  const tcg = limitsFor('tcg', { scale: 1 });
  const kvm = limitsFor('kvm', { scale: 1 });
  for (const limits of [tcg, kvm]) {
    const parts = [
      limits.bootMs,
      limits.armMs,
      limits.crashPathMs,
      limits.captureBootMs,
      limits.captureReportMs,
    ];
    t.ok(limits.totalMs >= Math.max(...parts), 'the whole is longer than each part');
    t.ok(limits.crashPathMs > limits.haltedHangMs);
  }
  t.ok(kvm.totalMs < tcg.totalMs);
});

void t.test('deadlines stretch, byte limits do not', async (t) => {
  const once = limitsFor('tcg', { scale: 1 });
  const twice = limitsFor('tcg', { scale: 2 });
  for (const [name, limit] of Object.entries(once)) {
    const expected = name === 'channelBytes' ? limit : 2 * limit;
    t.equal(Object.entries(twice).find(([other]) => other === name)?.[1], expected, name);
  }
  t.equal(limitsFor('tcg', { scale: 1, watchMs: 3000 }).watchMs, 3000);
  t.equal(limitsFor('tcg', { scale: 1.5, watchMs: 3001 }).watchMs, 4502, 'whole milliseconds');
  t.equal(plan({ watchMs: 3000, choices: { timeoutScale: 2 } }).limits.watchMs, 6000);
});

void t.test('the qtest channel exists only for a script that interrupts', async (t) => {
  const steps: Step[] = [{ hold: { as: 'a', at: 'panic' } }, { prove: { lock: 'l', held: true } }];
  const ending: Step[] = [{ fire: { role: 'a', aloneMs: 0 } }, { release: 'all' }];
  const made = (trigger: Scenario['trigger']) => plan({ trigger }).qemu.args;
  const quiet = made({ kind: 'choreography', steps: [...steps, ...ending] });
  t.notOk(quiet.includes('-qtest'));
  const loud = made({
    kind: 'choreography',
    steps: [...steps, { interrupt: { role: 'a', nmi: true } }, ...ending],
  });
  t.equal(after(loud, '-qtest'), 'chardev:qtest');
  t.ok(loud.includes(`socket,id=qtest,path=${RUN_FILES.qtestSocket},server=on,wait=off`));
});

void t.test('a plan for another run of the same guest: its name, everywhere, and its nonce', async (t) => {
  const made = plan();
  t.equal(after(made.qemu.args, '-name'), 'crashpath-r-1');
  const renamed = renamedPlan(made, { runId: 'r-1.2', nonce: 'cp-2' });
  t.equal(after(renamed.qemu.args, '-name'), 'crashpath-r-1.2');
  t.match(renamed, { runId: 'r-1.2', nonce: 'cp-2' });
  t.strictSame(renamedPlan(renamed, { runId: 'r-1', nonce: 'cp-1' }), made);
  const smaller = reservingPlan(made, 24);
  t.match(smaller.append, /(^| )crashkernel=24M$/);
  t.equal(smaller.append.match(/crashkernel=/g)?.length, 1, 'what was reserved before is not');
  t.equal(smaller.qemu.args[smaller.qemu.args.indexOf('-append') + 1], smaller.append);
  t.strictSame(
    smaller.qemu.args.filter((word) => word !== smaller.append),
    made.qemu.args.filter((word) => word !== made.append),
    'nothing else is changed',
  );
});

void t.test("a profile's command lines are those of the accelerator", async (t) => {
  const profile = MachineProfileSchema.parse({
    version: 1,
    name: 'no-pit',
    summary: 'made',
    machine: 'pc,pit=off',
    cpuModel: 'max',
    append: { tcg: 'tsc_early_khz=2600000 no_timer_check', kvm: 'no_timer_check' },
    captureAppend: 'no_timer_check',
    prove: [{ read: { path: '/proc/cmdline', matches: 'x' } }],
  });
  const choices = { profile: { profile, askedBy: 'caller' } } as const;
  t.match(plan({ choices }).append, / tsc_early_khz=2600000 no_timer_check$/);
  const kvm = plan({ choices, accel: 'kvm' });
  t.match(kvm.append, / no_timer_check$/);
  t.notMatch(kvm.append, /tsc_early_khz/, "no file knows the host's frequency");
  t.match(kvm.captureAppend, / no_timer_check$/);
});
