import t from 'tap';
import { reportFixtures } from '../testing/recordings/reported-run.js';
import { makePlan, type GuestChoices } from './make-plan.js';
import { reproduceCommand } from './reproduce.js';
import type { RunPlan } from './run-plan.js';

const { plan: PLAN } = reportFixtures();

/** The plan that these choices make of the recorded one. */
function planned(choices: GuestChoices, changes: Partial<RunPlan> = {}): RunPlan {
  const base = { ...PLAN, ...changes };
  return makePlan(
    base.scenario,
    {
      kernel: base.kernel,
      captureKernel: base.captureKernel,
      host: base.host,
      accel: base.accel,
      qemu: { ...base.qemu, argumentsFor: () => [] },
      initrd: '',
    },
    { identity: base, choices },
  );
}

/** The options behind scenario and kernel. */
function optionsOf(plan: RunPlan): string {
  const begin = `crashpath run ${plan.scenario.name} --kernel ${plan.kernel.spec} `;
  const command = reproduceCommand(plan);
  t.ok(command.startsWith(begin), command);
  return command.slice(begin.length);
}

t.test('a run without choices needs none', async (t) => {
  t.equal(optionsOf(planned({})), '--accel tcg');
  t.equal(optionsOf(PLAN), '--accel tcg');
});

t.test('every choice that the plan shows is an option again', async (t) => {
  const captureKernel = { ...PLAN.captureKernel, spec: 'debian:6.12', sha256: 'c'.repeat(64) };
  t.equal(optionsOf(planned({}, { captureKernel })), '--capture-kernel debian:6.12 --accel tcg');
  t.equal(optionsOf(planned({ cpus: 4, memoryMiB: 1024 })), '--cpus 4 --memory 1024 --accel tcg');
  t.equal(
    optionsOf(planned({ machine: 'q35', cpuModel: 'max,-x2apic' })),
    '--machine q35 --cpu-model max,-x2apic --accel tcg',
  );
  t.equal(
    optionsOf(planned({ append: 'mitigations=off "dyndbg=file a +p"', captureAppend: 'nr_cpus=2' })),
    `--append 'mitigations=off "dyndbg=file a +p"' --capture-append nr_cpus=2 --accel tcg`,
  );
  t.equal(
    optionsOf(planned({ captureCmdline: 'quiet nr_cpus=1', vmcore: 'nonce' })),
    "--capture-cmdline 'quiet nr_cpus=1' --vmcore nonce --accel tcg",
  );
  t.equal(
    optionsOf(planned({ loadSyscall: 'kexec_file_load' })),
    '--load-syscall kexec_file_load --accel tcg',
  );
  t.equal(optionsOf(planned({ loadSyscall: 'kexec_load' })), '--accel tcg');
  t.equal(optionsOf(planned({ crashkernel: '256M' })), '--append crashkernel=256M --accel tcg');
  t.equal(optionsOf(planned({ vmcore: 'nonce' })), '--vmcore nonce --accel tcg');
  t.equal(optionsOf(planned({ vmcore: 'mapped' })), '--vmcore mapped --accel tcg');
  t.equal(optionsOf(planned({ vmcore: 'whole' })), '--accel tcg');
  t.equal(optionsOf(planned({ timeoutScale: 2.5 })), '--accel tcg --timeout-scale 2.5');
  t.equal(optionsOf(planned({}, { host: 'ssh://root@box' })), '--accel tcg --host ssh://root@box');
  const repacked = {
    first: { bzImage: '/r', sha256: 'd', bytes: 1, compression: 'xz', vmlinuxSha256: 'e' },
  } as const;
  t.equal(optionsOf({ ...planned({}), repacked }), '--repack first --accel tcg');
  const accel = { accel: 'kvm', reason: 'asked for', unproved: 'slow' } as const;
  t.equal(optionsOf(planned({}, { accel })), '--accel kvm-unproved');
});

t.test('the options make the same guest again', async (t) => {
  const choices = { append: 'nosmp quiet', captureAppend: 'nr_cpus=2 maxcpus=1', vmcore: 'nonce' } as const;
  const first = planned(choices);
  const [, append, captureAppend] = /--append '(.*?)' --capture-append '(.*?)'/.exec(optionsOf(first)) ?? [];
  const again = planned({ append, captureAppend, vmcore: 'nonce' });
  t.equal(again.append, first.append);
  t.equal(again.captureAppend, first.captureAppend);
});

t.test("a profile is named with what was changed, and a file's name is one word of the shell", async (t) => {
  const profile = { ...PLAN.machine, name: 'ivy-bridge cpus=8', cpus: 8, prove: [] };
  t.equal(optionsOf({ ...PLAN, machine: profile }), '--machine-profile ivy-bridge --cpus 8 --accel tcg');
  const kernel = { ...PLAN.kernel, spec: "./it's; rm -rf x" };
  t.match(reproduceCommand({ ...PLAN, kernel, captureKernel: kernel }), `--kernel './it'\\''s; rm -rf x' `);
});
