import t from 'tap';
import type { Nic } from '../../../model/nic.js';
import { qemuArguments } from '../arguments.js';
import { argumentsThere } from './arguments-there.js';

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
  return { args, there, lines: there.filter((word, index) => word !== args[index]) };
}

t.test('files are there, QEMU listens for the card, and the vCPUs are held', async (t) => {
  t.strictSame((await changed(undefined)).lines, ['../../files/of-bzImage', '../../files/of-initrd', '-S']);
  const frames = await changed({ model: 'e1000', net: 'frames' });
  t.strictSame(frames.lines.slice(2), ['stream,id=net0,server=on,addr.type=unix,addr.path=net.sock', '-S']);
  const user = await changed({ model: 'e1000', net: 'user' });
  t.strictSame(user.lines.slice(2), ['socket,id=ssh,path=ssh.sock,server=on,wait=off', '-S']);
  t.equal(user.there.length, user.args.length + 1, 'nothing else is changed');
});
