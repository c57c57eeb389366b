import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import t from 'tap';
import { startQemu } from '../../machine/qemu/process.js';
import { connectQmp } from '../qmp/index.js';
import { installedQemuVersion } from '../../testing/guests/bare-qemu.js';
import { connectGdb } from './index.js';
import { scratchDirectory } from '../../testing/files.js';

const version = installedQemuVersion();
const skip = version === undefined ? 'no qemu-system-x86_64 on this host' : false;

/** Major version; before it the stub reports every stop of the guest, of any cause (the change came in 8.x). */
const REPORTS_ONLY_WHAT_IS_OWED_FROM = 8;
const ROUNDS = 10;
/** Hard-wired to 1 in every x86 since the 486. */
const CR0_ET = 0x10n;

t.test(
  'QMP stops and continues beside the stub: nothing is lost, nothing stops by mistake',
  { skip },
  async (t) => {
    await using directory = await scratchDirectory();
    const machine = ['-machine', 'pc', '-accel', 'tcg', '-smp', '2', '-display', 'none', '-nodefaults'];
    const stub = ['-chardev', 'socket,id=gs,path=gdb.sock,server=on,wait=off', '-gdb', 'chardev:gs'];
    const monitor = ['-qmp', 'unix:qmp.sock,server=on,wait=off'];
    const qemu = await startQemu('qemu-system-x86_64', [...machine, ...stub, ...monitor], directory.path);
    t.teardown(() => qemu.stop());
    await using qmp = await connectQmp({ path: join(directory.path, 'qmp.sock') });
    const gdb = await connectGdb({ path: join(directory.path, 'gdb.sock') });
    t.strictSame(gdb.vcpus, [0, 1]);
    const before = gdb.stops.length;
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let pause = 0; pause < 3; pause += 1) {
        await qmp.execute('cont');
        await qmp.execute('stop');
      }
      await qmp.execute('cont');
      await sleep(30);
      t.equal((await qmp.execute('query-status')).running, true, 'no acknowledgement stopped it');
      await qmp.execute('stop');
    }
    gdb.noteState('stopped');
    t.equal((await gdb.readRegisters(1)).cr0 & CR0_ET, CR0_ET, 'the stub still answers');
    const told = gdb.stops.slice(before);
    t.ok(told.every(({ resume, reason }) => resume === undefined && reason.kind === 'interrupt'));
    const major = Number(version?.split('.')[0]);
    if (major < REPORTS_ONLY_WHAT_IS_OWED_FROM)
      t.equal(told.length, 4 * ROUNDS, 'every stop was reported and kept');
    await gdb.close();
    t.equal((await qmp.execute('query-status')).running, true, 'closing released it');
    await qmp.execute('quit');
    t.match(await gdb.closed, { name: 'GdbClosedError' });
  },
);
