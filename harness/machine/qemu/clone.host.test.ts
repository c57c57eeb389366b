import { statSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseHostAddress } from '../../ssh/address.js';
import { configPlaces } from '../../ssh/config.js';
import { connectSsh } from '../../ssh/connect.js';
import { scratch } from '../../testing/files.js';
import { eventually, qemusUnder } from '../../testing/processes.js';
import { startSshServer, writeClientConfig } from '../../testing/ssh-server.js';
import { type Machine, need, type Origin } from '../machine.js';
import { RUN_FILES } from './arguments.js';
import { argumentsFrom } from './clone.js';
import type { QemuHost } from './host.js';
import { LOCAL_HOST } from './hosts/local.js';
import { sshHost } from './hosts/ssh-host.js';
import { openQemu } from './open.js';

const MEMORY_MIB = 64;
/** Memory that the firmware does not use. */
const AT = 0x200_0000n;
const LENGTH = 16;

const text = (word: string) => Buffer.from(word.padEnd(LENGTH, '.'));

async function read(machine: Machine): Promise<string> {
  return (await need(machine, 'memory').read(Number(AT), 4096)).toString('latin1', 0, LENGTH);
}

async function write(machine: Machine, word: string): Promise<void> {
  const gdb = await need(machine, 'debugger').connect();
  await gdb.writePhysicalMemory(AT, text(word));
  await gdb.continueAll();
}

/** On a host: clones begin as their template was saved, and have memory of their own. */
async function cloneOn(t: Test, host: QemuHost): Promise<void> {
  const base = await scratch(t);
  const socket = (id: string, path: string) => `socket,id=${id},path=${path},server=on,wait=off`;
  const args = [
    ['-nodefaults', '-display', 'none', '-machine', 'pc', '-accel', 'tcg', '-m', `${MEMORY_MIB}M`],
    ...[RUN_FILES.consolePipe, RUN_FILES.controlPipe].flatMap((pipe) => [
      ['-chardev', `pipe,id=${pipe},path=${pipe}`],
      ['-serial', `chardev:${pipe}`],
    ]),
    ['-chardev', socket('qmp', RUN_FILES.qmpSocket), '-qmp', 'chardev:qmp'],
    ['-chardev', socket('gdb', RUN_FILES.gdbSocket), '-gdb', 'chardev:gdb'],
    ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
  ].flat();
  const open = async (name: string, origin: Origin) => {
    const directory = join(base, name);
    await mkdir(directory, { mode: 0o700 });
    const ignore = () => undefined;
    return openQemu(
      {
        qemu: { binary: 'qemu-system-x86_64', version: 'any', args },
        accel: { accel: 'tcg', reason: 'a test' },
        timeoutScale: 1,
        limits: { qemuStartMs: 30_000 },
        machine: { memoryMiB: MEMORY_MIB },
        scenario: { guest: {} },
      },
      { directory, log: { bytes: ignore, message: ignore, sample: ignore, fact: ignore }, origin, host },
    );
  };

  const file = await host.openMemory();
  const memory = file.path;
  t.equal(statSync(memory).nlink, 0, 'a file without a name');
  t.equal(file.taken(), 0);
  const template = await open('template', { kind: 'template', memory });
  await write(template, 'template');
  const state = await need(template, 'snapshot').save();
  await template.close();
  t.equal(statSync(memory).size, MEMORY_MIB * 1024 * 1024);
  if (host.name === undefined)
    t.ok(file.taken() > 0 && file.taken() < MEMORY_MIB * 1024 * 1024, 'as was written');

  const first = await open('first', { kind: 'clone', memory, state });
  const second = await open('second', { kind: 'clone', memory, state });
  t.equal(await need(first, 'monitor').runState(), 'running');
  t.equal(first.abilities.snapshot, undefined, 'a clone is not saved again');
  await write(first, 'first');
  t.equal(await read(first), text('first').toString());
  t.equal(await read(second), text('template').toString(), 'the memory of the others is as it was');
  await first.close();
  await second.close();
  const third = await open('third', { kind: 'clone', memory, state });
  t.equal(await read(third), text('template').toString());
  await t.rejects(
    open('broken', { kind: 'clone', memory, state: state.subarray(0, 1000) }),
    { name: 'MachineFailure' },
    'half a state is none',
  );
  await third.close();
  file.close();
  t.strictSame(await qemusUnder(base), [], 'no QEMU is left');
  for (const name of ['template', 'first', 'broken']) {
    const left = (await readdir(join(base, name))).filter((one) => one.endsWith('.sock'));
    t.strictSame(left, [], `${name}: sockets are gone`);
  }
}

t.test('clones on this host', (t) => cloneOn(t, LOCAL_HOST));

t.test('clones on a host over ssh leave nothing there', async (t) => {
  const server = await startSshServer(t);
  const userConfig = await writeClientConfig(server, { name: 'config' });
  const places = { ...configPlaces(), userConfig, systemConfig: '/dev/null', agent: undefined };
  const host = sshHost(parseHostAddress('box'), { connect: (address) => connectSsh(address, { places }) });
  t.teardown(() => host.close());
  const free = await host.freeMemory();
  t.ok(free.available > 0 && free.inFiles > 0, 'what is free there');
  const before = await readdir('/dev/shm');
  await cloneOn(t, host);
  t.strictSame(await readdir('/dev/shm'), before);
  const runs = join(server.home, '.cache/crashpath/runs');
  const isGone = async () => ((await readdir(runs)).length === 0 ? true : undefined);
  t.ok(await eventually(isGone, 20_000), 'the shell that kept the memory has ended');
});

t.test("a clone's QEMU gets neither kernel nor image, a template's does", (t) => {
  const planned = ['-m', '64M', '-kernel', '/k', '-initrd', '/i', '-append', 'quiet', '-display', 'none'];
  const template = argumentsFrom({ kind: 'template', memory: '/m/7' }, planned, { memoryMiB: 64 });
  t.strictSame(template.slice(0, planned.length), planned);
  t.match(
    template.slice(planned.length).join(' '),
    /^-object .*size=64M,.*mem-path=\/m\/7,share=on -machine [^ ]*$/,
  );
  const clone = argumentsFrom({ kind: 'clone', memory: '/m/7', state: Buffer.of() }, planned, {
    memoryMiB: 64,
  });
  t.strictSame(clone.slice(0, 4), ['-m', '64M', '-display', 'none']);
  t.match(clone.slice(4).join(' '), /share=off -machine memory-backend=memory -incoming defer$/);
  t.end();
});
