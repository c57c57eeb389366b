import { closeSync, constants, openSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import t from 'tap';
import { connectGdb } from './index.js';
import { type FakeBehaviour, fakeStub } from '../../testing/fakes/gdb-stub.js';
import { scratchDirectory } from '../../testing/files.js';

t.test('connecting', async (t) => {
  await t.test('waits for the socket', async (t) => {
    await using directory = await scratchDirectory();
    const started = performance.now();
    await t.rejects(connectGdb({ path: `${directory.path}/none` }, { connectDeadlineMs: 80 }), {
      name: 'GdbTimeoutError',
      message: /within 80 ms: .*ENOENT.*is QEMU running/u,
    });
    t.ok(performance.now() - started >= 75);
  });
  await t.test('takes the short alias of a directory', async (t) => {
    await using stub = await fakeStub();
    const folder = openSync(dirname(stub.path), constants.O_RDONLY | constants.O_DIRECTORY);
    t.teardown(() => closeSync(folder));
    const gdb = await connectGdb({ path: `/proc/self/fd/${folder}/${basename(stub.path)}` });
    t.equal((await gdb.readRegisters(0)).rip, 16n);
    await gdb.close();
  });
  const refused = async (behave: FakeBehaviour, error: { name: string; message?: RegExp }): Promise<void> => {
    await using stub = await fakeStub(behave);
    // Only who is to wait in vain waits for a short time: a busy host needs long for a long answer.
    const connectDeadlineMs = error.name === 'GdbTimeoutError' ? 200 : 20_000;
    await t.rejects(connectGdb({ path: stub.path }, { connectDeadlineMs }), error);
  };
  await refused(() => true, { name: 'GdbTimeoutError', message: /is another one connected/u });
  await refused((_, peer) => (peer.reply('hello'), true), { name: 'GdbProtocolError' });
  await refused((_, peer) => (peer.end(), true), { name: 'GdbClosedError' });
  await refused((_, peer) => (peer.reply(''), true), { name: 'GdbRemoteError' });
  const answering =
    (asked: string, answer: string): FakeBehaviour =>
    (packet, peer) =>
      packet.startsWith(asked) && (peer.reply(answer), true);
  await refused(answering('vCont?', 'vCont;c;C'), { name: 'GdbProtocolError', message: /single vCPUs/u });
  await refused(answering('?', 'OK'), { name: 'GdbProtocolError' });
  await refused(answering('qfThreadInfo', 'l'), { name: 'GdbProtocolError', message: /no threads/u });
  await refused(answering('qfThreadInfo', 'm-1'), { name: 'GdbProtocolError' });
  await refused(answering('qsThreadInfo', 'm1'), { name: 'GdbTimeoutError' });
  await refused(answering('qXfer:features:read:core', `m${'x'.repeat(16_000)}`), {
    name: 'GdbProtocolError',
    message: /endless/u,
  });
  await refused(answering('qXfer:features:read:core', 'l<xi:include href="core.xml"/>'), {
    name: 'GdbProtocolError',
    message: /more than 32 parts/u,
  });
  const reason = new Error('enough');
  await t.rejects(connectGdb({ path: '/nonexistent/x' }, { signal: AbortSignal.abort(reason) }), reason);
  await t.rejects(connectGdb({ path: `/${'x'.repeat(120)}` }), { message: /107/u });
});
