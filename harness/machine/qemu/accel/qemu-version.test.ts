import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { parseQemuVersion, qemuVersion } from './qemu-version.js';

void t.test('versions as QEMU prints them', async (t) => {
  const debian = 'QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) 2003-2022\n';
  const text = '7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)';
  t.same(parseQemuVersion(debian), { major: 7, minor: 2, micro: 22, text });
  t.same(parseQemuVersion('QEMU emulator version 10.1.0'), { major: 10, minor: 1, micro: 0, text: '10.1.0' });
  t.equal(parseQemuVersion('qemu-img version 7.2.22'), undefined);
  t.equal(parseQemuVersion('QEMU emulator version unknown'), undefined);
  t.equal(parseQemuVersion('QEMU emulator version 7.2.1 \u001b[31mred\u001b[0m\u0001')?.text, '7.2.1 red');
});

void t.test('a program that is not QEMU, fails or is missing is a harness fault', async (t) => {
  const other = path.join(t.testdir(), 'other');
  await writeFile(other, '#!/bin/sh\necho "hello"\n');
  const refused = path.join(t.testdirName, 'not-executable');
  await writeFile(refused, '');
  await t.rejects(qemuVersion(refused), { kind: 'harness', message: /no executable file there; install/ });
  await chmod(other, 0o755);
  await t.rejects(qemuVersion(other), { kind: 'harness', message: /it printed "hello"; name a qemu/ });
  await writeFile(other, '#!/bin/sh\necho "no such library" >&2; exit 127\n');
  await t.rejects(qemuVersion(other), { kind: 'harness', message: /no such library; check/ });
  await t.rejects(qemuVersion('qemu-system-x86_64', { searchPath: '' }), { message: /not found in PATH/ });
});
