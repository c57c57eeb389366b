import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { HostFact } from '../../model/record.js';
import { openQemu } from './open.js';

/** Starts a program in QEMU's place; returns what the log gets. */
async function opened(t: Test, script: string) {
  const directory = t.testdir({ run: {} });
  const binary = join(directory, 'qemu');
  await writeFile(binary, `#!/bin/sh\n${script}\n`);
  await chmod(binary, 0o755);
  const facts: HostFact[] = [];
  const log = {
    bytes: () => undefined,
    message: () => undefined,
    sample: () => undefined,
    // The host time comes with the clock.
    fact: (fact: HostFact) => fact.fact !== 'host-time' && facts.push(fact),
  };
  const machine = openQemu(
    {
      qemu: { binary, version: '9.8.7', args: [] },
      accel: { accel: 'tcg', reason: 'made' },
      timeoutScale: 1,
      limits: { qemuStartMs: 300 },
      machine: { memoryMiB: 64 },
      scenario: { guest: { nic: { model: 'e1000', net: 'user' } } },
    },
    { directory: join(directory, 'run'), log },
  );
  return { machine, facts, left: () => readdir(join(directory, 'run')) };
}

void t.test('a QEMU that cannot start is reported by its exit, with its stderr', async (t) => {
  const { machine, facts, left } = await opened(t, 'echo "unsupported machine type" >&2; exit 1');
  await t.rejects(machine);
  t.match(facts, [
    { fact: 'qemu-started', pid: Number },
    { fact: 'qemu-exit', code: 1, asked: false, stderr: 'unsupported machine type\n' },
  ]);
  t.equal(facts.length, 2);
  t.strictSame(await left(), [], 'FIFOs and sockets are gone');
});

void t.test(
  'one that never opens its monitor is a failure of the host, recorded before it is killed',
  async (t) => {
    const { machine, facts, left } = await opened(t, 'exec sleep 100');
    await t.rejects(machine, {
      name: 'MachineFailure',
      message: /cannot connect to QMP monitor.*within 300 ms/,
    });
    t.match(facts, [
      { fact: 'qemu-started' },
      { fact: 'harness-fault', message: /cannot connect to QMP monitor/, stack: /connect/ },
      { fact: 'qemu-exit', asked: true, signal: 'SIGTERM' },
    ]);
    t.strictSame(await left(), []);
  },
);

void t.test('one that is not there starts nothing', async (t) => {
  const { machine, facts } = await opened(t, 'exit 0');
  await t.rejects(machine);
  t.match(facts[0], { fact: 'qemu-started' });
  const missing = openQemu(
    {
      qemu: { binary: '/no/such/qemu', version: '0', args: [] },
      accel: { accel: 'tcg', reason: 'made' },
      timeoutScale: 1,
      limits: { qemuStartMs: 300 },
      machine: { memoryMiB: 64 },
      scenario: { guest: {} },
    },
    {
      directory: t.testdir({}),
      log: {
        bytes: () => undefined,
        message: () => undefined,
        sample: () => undefined,
        fact: () => undefined,
      },
    },
  );
  await t.rejects(missing, { kind: 'harness', message: /install qemu-system-x86/ });
});
