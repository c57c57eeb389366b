import t from 'tap';
import { QmpClosedError } from '../../qemu/qmp/index.js';
import { MachineFailure } from '../machine.js';
import { stopGroup } from './process.js';
import { Teardown } from './teardown.js';

void t.test(
  'everything is undone, last first; what was gone already passes, the rest is reported',
  async (t) => {
    const teardown = new Teardown();
    const done: string[] = [];
    const cause = new Error('EPERM');
    teardown.defer('close the folder', () => done.push('folder'));
    teardown.defer('kill QEMU', () => {
      throw cause;
    });
    teardown.defer('close the monitor', () => {
      throw new QmpClosedError('close', 'QEMU hung up');
    });
    teardown.defer('stop the sources', async () => {
      throw new MachineFailure('gone', { gone: true });
    });
    teardown.defer('close the debugger', async () => done.push('debugger'));
    const failures = await teardown.run();
    t.strictSame(done, ['debugger', 'folder']);
    t.match(failures, [{ kind: 'harness', message: 'cannot kill QEMU: Error: EPERM; see the cause', cause }]);
    t.equal(failures.length, 1);
    t.strictSame(await teardown.run(), [], 'once');
  },
);

void t.test('a process that SIGKILL does not end is reported, and not waited for', async (t) => {
  const exited = new Promise<never>(() => undefined);
  // No group has this number: the largest pid is 2^22 (proc(5), pid_max).
  const pid = 2 ** 22 + 1;
  await t.rejects(stopGroup({ pid, exited }, { graceMs: 1, killedWithinMs: 5 }), {
    name: 'Fault',
    kind: 'harness',
    message: /^cannot kill process "4194305": it is still there 5 ms after SIGKILL; look at/,
  });
  const over = Promise.resolve('over');
  t.equal(await stopGroup({ pid, exited: over }, { graceMs: 1, killedWithinMs: 5 }), 'over');
});
