import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import type { AccelChoice } from '../machine/qemu/accel/choose-accelerator.js';
import { checkDevices, checkMachines, judgeAccelerator, judgeQemuVersion } from './qemu-checks.js';
import { runDoctor } from './run-doctor.js';

void t.test('this host: every check is there, and what is not ok says what to do', async (t) => {
  const folder = t.testdir();
  const report = await runDoctor({ cacheDir: path.join(folder, 'cache'), outDir: path.join(folder, 'runs') });
  const names = [
    'QEMU',
    'QEMU devices',
    'QEMU machines',
    'accelerator',
    'busybox',
    'kexec',
    'dropbear',
    'xz',
  ];
  names.push('dpkg-deb', 'apt-get', 'setpriv', 'Node.js', 'memory', 'disk for cache');
  names.push('disk for runs', 'cache folder');
  t.same(
    report.checks.map((check) => check.name),
    names,
  );
  t.match(report.checks[1], { status: 'ok', found: 'isa-serial, isa-debug-exit, pvpanic' });
  for (const check of report.checks) {
    t.notMatch(check.found, '\n', `${check.name}: ${check.found}`);
    if (check.status !== 'ok') t.match(check.remedy, /\w{3}/, `${check.name}: ${check.remedy}`);
  }
});

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

void t.test('a QEMU without a device or machine type is a failure that names it', async (t) => {
  const folder = t.testdir();
  const file = path.join(folder, 'qemu-system-x86_64');
  await writeFile(
    file,
    `#!/bin/sh
case "$1" in
-device) echo 'name "isa-serial", bus ISA'; echo 'name "pvpanic-pci", bus PCI'; echo 'name "isa-debug-exit", bus ISA';;
-machine) echo 'Supported machines are:'; echo 'pc-q35-7.2    Standard PC'; echo 'pc    alias of pc-i440fx-7.2';;
esac
`,
  );
  await chmod(file, 0o755);
  const options = { qemuBinary: 'qemu-system-x86_64', searchPath: folder };
  t.match(await checkDevices(options), {
    status: 'fail',
    found: 'pvpanic missing',
    remedy: /qemu-system-x86/,
  });
  t.match(await checkMachines(options), { status: 'fail', found: 'q35 missing', remedy: /qemu-system-x86/ });
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

void t.test('an aborted doctor throws the reason', async (t) => {
  const folder = t.testdir();
  const signal = AbortSignal.abort(new Error('enough'));
  await t.rejects(runDoctor({ cacheDir: folder, outDir: folder, signal }), { message: 'enough' });
});
