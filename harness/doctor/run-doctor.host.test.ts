import path from 'node:path';
import t from 'tap';
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
    'makedumpfile',
    'gdb',
    'xz',
    'zstd',
  ];
  names.push('dpkg-deb', 'apt-get', 'setpriv', 'libkdumpfile', 'Node.js', 'memory', 'disk for cache');
  names.push('disk for runs', 'cache folder', 'kept guests');
  t.same(
    report.checks.map((check) => check.name),
    names,
  );
  t.match(report.checks[1], {
    status: 'ok',
    found: 'isa-serial, isa-debug-exit, e1000, e1000e, rtl8139, virtio-net-pci',
  });
  for (const check of report.checks) {
    t.notMatch(check.found, '\n', `${check.name}: ${check.found}`);
    if (check.status !== 'ok') t.match(check.remedy, /\w{3}/, `${check.name}: ${check.remedy}`);
  }
});
