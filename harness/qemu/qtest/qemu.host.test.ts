import { join } from 'node:path';
import t from 'tap';
import { messageWrite } from '../../machine/qemu/msi-write.js';
import { readApicIds } from '../../machine/qemu/apic-ids.js';
import { startQemu } from '../../machine/qemu/process.js';
import { connectQmp } from '../qmp/index.js';
import { installedQemuVersion } from '../../testing/guests/bare-qemu.js';
import { connectQtest } from './index.js';
import { scratchDirectory } from '../../testing/files.js';

const skip = installedQemuVersion() === undefined ? 'no qemu-system-x86_64 on this host' : false;
/** Room for a scratch word in the guest's memory; its firmware does not use it. */
const SCRATCH = 0x0200_0000;
const VECTOR = 0xd1;

void t.test('beside a guest that stands: memory, a pin, a message to one APIC', { skip }, async (t) => {
  await using directory = await scratchDirectory();
  const machine = ['-machine', 'pc', '-accel', 'tcg', '-display', 'none', '-nodefaults', '-S'];
  // Two sockets of three cores: the ids have a gap.
  const cpus = ['-smp', '6,sockets=2,cores=3'];
  const qtestChannel = [
    '-chardev',
    'socket,id=qtest,path=qt.sock,server=on,wait=off',
    '-qtest',
    'chardev:qtest',
  ];
  const monitor = ['-qtest-log', 'none', '-qmp', 'unix:qmp.sock,server=on,wait=off'];
  const qemu = await startQemu(
    'qemu-system-x86_64',
    [...machine, ...cpus, ...qtestChannel, ...monitor],
    directory.path,
  );
  t.teardown(() => qemu.stop());
  await using qmp = await connectQmp({ path: join(directory.path, 'qmp.sock') });
  await using qtest = await connectQtest({ path: join(directory.path, 'qt.sock') });
  const monitorSays = (command: string) => qmp.execute('human-monitor-command', { 'command-line': command });

  await qtest.writel(SCRATCH, 0xdead_beef);
  t.equal(await qtest.readl(SCRATCH), 0xdead_beef);

  const ids = await readApicIds(qmp);
  t.strictSame(
    [...ids],
    [0, 1, 2, 3, 4, 5].map((vcpu) => [vcpu, vcpu < 3 ? vcpu : vcpu + 1]),
  );
  const { address, data } = messageWrite(ids.get(4) ?? 255, { vector: VECTOR });
  await qtest.writel(address, data);
  for (const [vcpu, id] of ids) {
    const irr = /^IRR\s+(.*)$/mu.exec(await monitorSays(`info lapic ${id}`))?.[1]?.trim();
    t.equal(irr, vcpu === 4 ? String(VECTOR) : '(none)', `vCPU ${vcpu}`);
  }

  await t.rejects(qtest.setIrqIn({ device: '/machine/nowhere', line: 9 }, 1), { message: /Unknown device/u });
  await qtest.setIrqIn({ device: '/machine/i440fx/ioapic', line: 9 }, 1);
  t.equal((await qmp.execute('query-status')).running, false, 'nothing of this let it run');
  await qemu.stop();
  await t.rejects(qtest.readl(SCRATCH), { name: 'QtestClosedError' });
});
