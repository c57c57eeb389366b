import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import t from 'tap';
import { installedQemuVersion } from '../../../testing/guests/bare-qemu.js';

void t.test('the checked-in declarations are those of the QEMU that they name', async (t) => {
  const file = 'harness/qemu/qmp/generated/schema.ts';
  const header = /schema of QEMU (\d+\.\d+\.\d+)\./u.exec(await readFile(file, 'utf8'))?.[1];
  const installed = installedQemuVersion();
  if (installed !== header) {
    t.pass(`not compared: they are of QEMU ${header}, here is ${installed ?? 'none'}`, { skip: true });
    return;
  }
  const { stdout } = await execa('scripts/generate-qmp-types', ['--check'], { timeout: 60_000 });
  t.match(stdout, /up to date/u);
});
