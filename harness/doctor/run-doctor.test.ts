import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { PACKAGE_ROOT } from '../cli/context.js';
import type { AccelChoice } from '../machine/qemu/accel/choose-accelerator.js';
import { checkDevices, checkMachines, judgeAccelerator, judgeQemuVersion } from './qemu-checks.js';
import { runDoctor } from './run-doctor.js';

void t.test('an empty PATH fails by name, with the package to install', async (t) => {
  const folder = t.testdir();
  const report = await runDoctor({ cacheDir: folder, outDir: folder, searchPath: path.join(folder, 'bin') });
  t.equal(report.status, 'fail');
  for (const name of ['QEMU', 'QEMU devices', 'QEMU machines', 'accelerator', 'busybox', 'kexec']) {
    const check = report.checks.find((candidate) => candidate.name === name);
    t.match(check, { status: 'fail', remedy: /apt-get install \S+\)/ }, name);
  }
});

void t.test('an old QEMU is a warning', async (t) => {
  const version = { major: 7, minor: 2, micro: 0, text: '7.2.0' };
  t.match(judgeQemuVersion(version), { status: 'ok', found: '7.2.0' });
  t.match(judgeQemuVersion({ ...version, major: 10, minor: 0 }), { status: 'ok' });
  t.match(judgeQemuVersion({ ...version, minor: 1 }), { status: 'warn', remedy: /7\.2 or newer/ });
  t.match(judgeQemuVersion({ ...version, major: 6, minor: 9 }), { status: 'warn' });
});

/** A QEMU in the test's directory that has these devices and machine types. */
async function madeQemu(
  t: Test,
  { devices, machines }: { devices: readonly string[]; machines: readonly string[] },
) {
  const folder = t.testdir();
  const file = path.join(folder, 'qemu-system-x86_64');
  await writeFile(
    file,
    `#!/bin/sh
case "$1" in
-device) ${devices.map((name) => `echo 'name "${name}", bus ISA'`).join('; ')};;
-machine) echo 'Supported machines are:'; ${machines.map((name) => `echo '${name}    PC'`).join('; ')};;
esac
`,
  );
  await chmod(file, 0o755);
  return { qemuBinary: 'qemu-system-x86_64', searchPath: folder };
}

/** Devices that runs use; every machine type that a profile names. */
const USED = ['isa-serial', 'isa-debug-exit', 'e1000', 'e1000e', 'rtl8139', 'virtio-net-pci'];
const TYPES = ['pc', 'q35', 'isapc', 'microvm'];

void t.test('a QEMU that has what runs use is ok: none of them uses pvpanic', async (t) => {
  const options = await madeQemu(t, { devices: USED, machines: TYPES });
  t.match(await checkDevices(options), { status: 'ok', found: USED.join(', ') });
  t.match(await checkMachines(options), { status: 'ok', found: TYPES.join(', ') });
});

void t.test('a QEMU without what every run uses is a failure that names it', async (t) => {
  const options = await madeQemu(t, {
    devices: ['isa-debug-exit', 'isa-serial-pci'],
    machines: ['pc-q35-7.2', 'q35'],
  });
  const remedy = /qemu-system-x86/;
  t.match(await checkDevices(options), { status: 'fail', found: 'isa-serial missing', remedy });
  t.match(await checkMachines(options), { status: 'fail', found: 'pc missing', remedy });
});

void t.test('a QEMU without what some runs use is a warning that names it and them', async (t) => {
  const options = await madeQemu(t, {
    devices: USED.filter((name) => name !== 'isa-debug-exit' && name !== 'e1000'),
    machines: ['pc', 'isapc', 'microvm'],
  });
  t.match(await checkDevices(options), {
    status: 'warn',
    found:
      'isa-debug-exit missing, used by the proof of KVM; e1000 missing, used by scenarios with that card',
    remedy: /qemu-system-x86/,
  });
  t.match(await checkMachines(options), { status: 'warn', found: /^q35 missing, used by/ });
});

void t.test('every machine type that a profile names is checked', async (t) => {
  const profiles = await readdir(path.join(PACKAGE_ROOT, 'scenarios/machines'));
  for (const profile of profiles.filter((name) => name.endsWith('.yaml'))) {
    const text = await readFile(path.join(PACKAGE_ROOT, 'scenarios/machines', profile), 'utf8');
    const [, type = ''] = /^machine: (\w+)/m.exec(text) ?? [];
    t.ok(TYPES.includes(type), `${profile}: ${type}`);
  }
});

void t.test('TCG as a fallback is a warning with the reason', async (t) => {
  const choice: AccelChoice = {
    accel: 'tcg',
    requested: 'auto',
    reason: 'TCG is used because KVM is not proved: no.',
    proof: { kvm: { outcome: 'no-device', tried: false, detail: '/dev/kvm does not exist' } },
    fromCache: false,
    qemuVersion: '7.2.0',
  };
  t.match(judgeAccelerator(choice), { status: 'warn', found: /does not exist/, remedy: /kvm_intel/ });
  const kvm = { outcome: 'proved', tried: true, tookMs: 100, workMs: 50, detail: 'fast' } as const;
  t.match(judgeAccelerator({ ...choice, accel: 'kvm', proof: { kvm } }), { status: 'ok', found: /proved/ });
});

void t.test(
  'a KVM that was insisted on is a warning that says so, and TCG that was asked for none',
  async (t) => {
    const kvm = {
      outcome: 'too-slow',
      tried: true,
      tookMs: 2700,
      ended: false,
      detail: 'it crawls',
    } as const;
    const choice: AccelChoice = {
      accel: 'kvm',
      requested: 'kvm-unproved',
      reason: 'KVM is used although it is not proved: it crawls.',
      unproved: 'it crawls',
      proof: { kvm },
      fromCache: false,
      qemuVersion: '7.2.0',
    };
    t.match(judgeAccelerator(choice), { status: 'warn', found: /^kvm, .* not proved: it crawls$/ });
    const tcg: AccelChoice = { ...choice, accel: 'tcg', requested: 'tcg', proof: { kvm } };
    delete (tcg as { unproved?: string }).unproved;
    t.match(judgeAccelerator(tcg), { status: 'ok', found: /asked for/ });
  },
);

void t.test('an aborted doctor throws the reason', async (t) => {
  const folder = t.testdir();
  const signal = AbortSignal.abort(new Error('enough'));
  await t.rejects(runDoctor({ cacheDir: folder, outDir: folder, signal }), { message: 'enough' });
});
