import { join } from 'node:path';
import t from 'tap';
import { connectQmp } from '../../qemu/qmp/index.js';
import { scratch } from '../../testing/files.js';
import { need } from '../machine.js';
import { RUN_FILES } from './arguments.js';
import { LOCAL_HOST } from './hosts/local.js';
import { qemuMemory } from './memory.js';
import { openQemu } from './open.js';
import { openProcessMemory, type ProcessMemory } from './process-memory.js';

const PAGE = 4096;
const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

t.test("QEMU's process shows what QEMU writes to a file", async (t) => {
  const directory = await scratch(t);
  const socket = (name: string) => `socket,path=${name},server=on,wait=off`;
  const second = 'second.sock';
  const args = [
    // Firmware and 5 GiB of RAM, of which 2 GiB lie above 4 GiB.
    ['-nodefaults', '-display', 'none', '-machine', 'pc', '-accel', 'tcg', '-m', '5G'],
    ...[RUN_FILES.consolePipe, RUN_FILES.controlPipe].flatMap((pipe) => [
      ['-chardev', `pipe,id=${pipe},path=${pipe}`],
      ['-serial', `chardev:${pipe}`],
    ]),
    ['-chardev', `${socket(RUN_FILES.qmpSocket)},id=qmp`, '-qmp', 'chardev:qmp'],
    ['-chardev', `${socket(second)},id=second`, '-qmp', 'chardev:second'],
    ['-chardev', `${socket(RUN_FILES.gdbSocket)},id=gdb`, '-gdb', 'chardev:gdb'],
    ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
  ].flat();
  const ignore = () => undefined;
  let pid = 0;
  const machine = await openQemu(
    {
      qemu: { binary: 'qemu-system-x86_64', version: 'any', args },
      accel: { accel: 'tcg', reason: 'a test' },
      timeoutScale: 1,
      limits: { qemuStartMs: 30_000 },
      machine: { memoryMiB: 5 * 1024 },
      scenario: { guest: {} },
    },
    {
      directory,
      log: {
        bytes: ignore,
        sample: ignore,
        message: ignore,
        fact: (fact) => {
          if (fact.fact === 'qemu-started') pid = fact.pid;
        },
      },
    },
  );
  t.teardown(() => machine.close());
  const gdb = await need(machine, 'debugger').connect();
  const written = [16 * MIB, 3 * GIB - PAGE, 4 * GIB, 6 * GIB - PAGE];
  for (const [index, address] of written.entries()) {
    await gdb.writePhysicalMemory(BigInt(address), Buffer.from(`written ${index}`));
  }

  const place = await LOCAL_HOST.openPlace({ directory });
  t.teardown(() => place.close());
  const qmp = await connectQmp({ path: join(directory, second) });
  t.teardown(() => qmp.close());
  const commands: string[] = [];
  const execute: typeof qmp.execute = (name, ...rest) => {
    commands.push(name);
    return qmp.execute(name, ...rest);
  };
  const process = openProcessMemory(pid);
  t.teardown(() => process.close());
  const direct = qemuMemory({ execute }, { place, openMemory: () => process });
  const saved = qemuMemory(qmp, { place });

  const ranges: readonly (readonly [address: number, bytes: number, isDirect: boolean])[] = [
    ...written.map((address) => [address, PAGE, true] as const),
    [16 * MIB - 3 * PAGE, 40 * PAGE, true],
    [MIB, 20 * MIB, true],
    [2 * GIB, 33 * MIB, true],
    [0, MIB, false],
    [0xf_f000, 2 * PAGE, false],
    [3 * GIB - PAGE, 2 * PAGE, false],
    [3 * GIB, PAGE, false],
    [7 * GIB, PAGE, false],
    [0xfffc_0000, PAGE, false],
  ];
  for (const [address, bytes, isDirect] of ranges) {
    const what = `${bytes} bytes at 0x${address.toString(16)}`;
    commands.length = 0;
    const read = await direct.read(address, bytes, { into: Buffer.alloc(bytes, 0xff) });
    t.equal(!commands.includes('pmemsave'), isDirect, `${what}: ${isDirect ? 'directly' : 'by QEMU'}`);
    t.ok(read.equals(await saved.read(address, bytes)), `${what}: the same bytes`);
  }
  for (const [index, address] of written.entries()) {
    const text = `written ${index}`;
    t.equal((await direct.read(address, PAGE)).toString('latin1', 0, text.length), text);
  }

  commands.length = 0;
  const forbidden = qemuMemory({ execute }, { place, openMemory: () => undefined });
  t.ok((await forbidden.read(16 * MIB, PAGE)).equals(await saved.read(16 * MIB, PAGE)));
  t.ok(commands.includes('pmemsave'), 'where the host forbids it, QEMU writes');
  const failing: ProcessMemory = {
    ...process,
    read() {
      throw new Error('refused');
    },
  };
  const fallsBack = qemuMemory({ execute }, { place, openMemory: () => failing });
  commands.length = 0;
  t.ok((await fallsBack.read(16 * MIB, PAGE)).equals(await saved.read(16 * MIB, PAGE)));
  t.ok(commands.includes('pmemsave'), 'and where reading fails');
});
