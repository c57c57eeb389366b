import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { connectQmp } from '../qemu/qmp/index.js';
import { symbolsElf } from '../symbols/index.js';
import { scratch } from '../testing/files.js';
import { gdbScript } from './gdb-script.js';

const PANIC = 0xffffffff81234560n;

void t.test('the machine does not run on when gdb ends, however it ends', async (t) => {
  const cwd = await scratch(t);
  const socket = (name: string) => ['-chardev', `socket,id=${name},path=${name}.sock,server=on,wait=off`];
  const machine = ['-nodefaults', '-display', 'none', '-machine', 'pc', '-m', '16M', '-smp', '2', '-S'];
  const ports = [...socket('gdb'), '-gdb', 'chardev:gdb', ...socket('qmp'), '-qmp', 'chardev:qmp'];
  const qemu = execa('qemu-system-x86_64', [...machine, ...ports], { cwd, reject: false });
  t.teardown(async () => {
    qemu.kill('SIGKILL');
    await qemu;
  });
  const qmp = await connectQmp({ path: join(cwd, 'qmp.sock') });
  t.teardown(() => qmp.close());
  const elf = symbolsElf([{ address: PANIC, type: 'T', name: 'panic' }]);
  await writeFile(join(cwd, 'first-kernel.elf'), elf ?? '');
  const script = gdbScript({
    socket: 'gdb.sock',
    symbols: [{ file: 'first-kernel.elf', text: '0xffffffff81000000', end: '0xffffffff82000000' }],
  });
  await writeFile(join(cwd, 'attach.gdb'), script);
  const gdb = (args: readonly string[], input: string) =>
    execa('gdb', ['-nx', '-q', ...args], { cwd, input, timeout: 60_000, all: true });
  const isRunning = async () => (await qmp.execute('query-status')).running;

  const asked = await gdb(['-x', 'attach.gdb', '-batch', '-ex', 'info symbol 0xffffffff81234560'], '');
  t.match(asked.all, /Thread 1\.2 .*\n(.*\n)*panic in section \.text/);
  t.equal(await isRunning(), false, 'in batch mode');
  await gdb(['-x', 'attach.gdb'], '');
  t.equal(await isRunning(), false, 'at the end of its input');
  await gdb(['-x', 'attach.gdb'], 'quit\n');
  t.equal(await isRunning(), false, 'by quit');

  await gdb(['-ex', 'target remote gdb.sock'], 'quit\n');
  t.equal(await isRunning(), true, 'without the script it does');
});
