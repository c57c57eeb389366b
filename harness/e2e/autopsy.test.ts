import { stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { cacheDirectory } from '../cli/directories.js';
import { resolveKernel } from '../kernel/index.js';
import { type Autopsy, AutopsySchema } from '../model/autopsy.js';
import { connectQmp } from '../qemu/qmp/index.js';
import { crashpath, KERNELS } from '../testing/crashpath-command.js';
import { hungGuest } from '../testing/guests/hung-guest.js';

/** The panicking CPU of an autopsy, by its stack, and the other. */
function stacksOf({ vcpus }: Autopsy) {
  const named = vcpus.map(({ frames }) => frames.map((frame) => frame.function ?? ''));
  return {
    panicking: named.find((names) => names.includes('panic')) ?? [],
    other: named.find((names) => !names.includes('panic')) ?? [],
  };
}

t.test('a guest that another program started hangs: read, dumped, and the dump read', async (t) => {
  const kernel = await resolveKernel(KERNELS.six1, { cacheDir: cacheDirectory() });
  const guest = await hungGuest(t, kernel.bzImage);
  const runs = async () => {
    await using qmp = await connectQmp({ path: guest.qmp });
    return (await qmp.execute('query-status')).running;
  };
  const core = join(guest.directory, 'vm.core');

  const busy = await connectQmp({ path: guest.qmp });
  const refused = await crashpath(['autopsy', '--qmp', guest.qmp]);
  t.match(refused, { exitCode: 64, stderr: /one client at a time, and libvirt keeps its own: .*virsh dump/ });
  await busy.close();
  const attached = await crashpath(['autopsy', '--qmp', guest.qmp, '--gdb', guest.gdb]);
  t.match(attached, { exitCode: 64, stderr: /a gdbstub stops the machine, and it runs; add --stop/ });

  const read = await crashpath(['autopsy', '--qmp', guest.qmp, '--json', '--vmcore', core]);
  t.equal(read.exitCode, 0, read.stderr);
  t.match(read.stderr, /the guest continues/);
  t.equal(await runs(), true, 'it runs on');
  const live = AutopsySchema.parse(JSON.parse(read.stdout));
  t.match(live.kernels, [{ side: 'production', release: kernel.release, symbols: "the guest's memory" }]);
  const { panicking, other } = stacksOf(live);
  t.ok(
    panicking.includes('mount_block_root') || panicking.includes('mount_root_generic'),
    panicking.join(' '),
  );
  t.ok(other.includes('stop_this_cpu'), other.join(' '));
  t.ok(live.interrupts.length > 2);

  const dumped = await crashpath(['autopsy', core, '--json']);
  t.equal(dumped.exitCode, 0, dumped.stderr);
  const dead = AutopsySchema.parse(JSON.parse(dumped.stdout));
  t.same(stacksOf(dead).panicking, panicking);
  t.same(dead.kernels, live.kernels);
  t.same(new Set(dead.vcpus.map(({ state }) => state)), new Set(['unknown']));

  const wrong = await crashpath(['autopsy', core, '--kallsyms', '/proc/kallsyms']);
  t.match(wrong, { exitCode: 64, stderr: new RegExp(`--kallsyms "/proc/kallsyms": .*`) });
  await truncate(core, (await stat(core)).size >> 1);
  t.match(await crashpath(['autopsy', core]), { exitCode: 64, stderr: /it is truncated/ });
  t.match(await crashpath(['autopsy', join(guest.directory, 'console.log')]), {
    exitCode: 64,
    stderr: /it is neither an ELF nor a kdump-compressed dump/,
  });
});
