import t from 'tap';
import type { Nic } from '../../../model/nic.js';
import { qemuArguments } from '../arguments.js';
import { argumentsThere, startGdbstub } from './arguments-there.js';

async function changed(nic: Nic | undefined) {
  const args = qemuArguments({
    name: 'n',
    accel: 'tcg',
    machine: 'pc',
    cpuModel: 'max',
    cpus: 2,
    memoryMiB: 512,
    bzImage: '/here/bzImage',
    initrd: '/here/initrd',
    append: 'console=ttyS0 -kernel /x',
    nic,
    qtest: true,
  });
  const there = await argumentsThere(args, async (path) => `../../files/of-${path.slice(6)}`);
  return {
    args,
    there,
    lines: there.filter((word) => !args.includes(word)),
    gone: args.filter((word) => !there.includes(word)),
  };
}

const PIPES = ['pipe,id=qmp,path=qmp', 'pipe,id=gdb,path=gdb'];
const QTEST = 'pipe,id=qtest,path=qtest';

t.test('files are there, sockets are FIFOs, and the vCPUs are held', async (t) => {
  const plain = await changed(undefined);
  t.strictSame(plain.lines, ['../../files/of-bzImage', '../../files/of-initrd', ...PIPES, QTEST, '-S']);
  t.strictSame(plain.gone, [
    '/here/bzImage',
    '/here/initrd',
    'socket,id=qmp,path=qmp.sock,server=on,wait=off',
    'socket,id=gdb,path=gdb.sock,server=on,wait=off',
    '-gdb',
    'chardev:gdb',
    'socket,id=qtest,path=qtest.sock,server=on,wait=off',
  ]);
  t.ok(plain.there.includes('console=ttyS0 -kernel /x'), 'a command line is no option');
});

t.test('a card: raw frames on a socket on which QEMU listens, a connection through a FIFO', async (t) => {
  const frames = await changed({ model: 'e1000', net: 'frames' });
  t.ok(frames.lines.includes('stream,id=net0,server=on,addr.type=unix,addr.path=net.sock'));
  const user = await changed({ model: 'e1000', net: 'user' });
  t.ok(user.lines.includes('pipe,id=ssh,path=ssh'));
});

t.test('each stub has a chardev of its own, on the same FIFOs', async (t) => {
  t.strictSame(startGdbstub(1), ['gdbserver chardev:gdb']);
  t.strictSame(startGdbstub(3), [
    'gdbserver none',
    'chardev-add pipe,id=gdb3,path=gdb',
    'gdbserver chardev:gdb3',
  ]);
});
