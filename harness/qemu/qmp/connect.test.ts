import t from 'tap';
import { connectQmp } from './index.js';
import { fakeMonitor, fakeWebSocketMonitor, type FakePeer } from '../../testing/fakes/qmp-monitor.js';
import { scratchDirectory } from '../../testing/files.js';

void t.test('connecting', async (t) => {
  await using directory = await scratchDirectory();
  const missing = `${directory.path}/none.sock`;
  await t.rejects(connectQmp({ path: missing }, { connectDeadlineMs: 100 }), {
    name: 'QmpTimeoutError',
    message: /within 100 ms: connect ENOENT/u,
    cause: { code: 'ENOENT' },
  });
  const controller = new AbortController();
  const aborted = connectQmp({ path: missing }, { signal: controller.signal });
  controller.abort(new Error('QEMU died'));
  await t.rejects(aborted, { message: 'QEMU died' });
  await t.rejects(connectQmp({ path: `/${'x'.repeat(108)}` }), {
    name: 'RangeError',
    message: /109 bytes/u,
  });
  await t.rejects(connectQmp({ path: directory.path }, { connectDeadlineMs: 200 }), {
    cause: { code: 'ECONNREFUSED' },
  });

  await using silent = await fakeMonitor(() => {}, '');
  await t.rejects(connectQmp(silent, { connectDeadlineMs: 60 }), {
    name: 'QmpTimeoutError',
    message: /no greeting .*another one connected/u,
  });
  await using ssh = await fakeMonitor(() => {}, 'SSH-2.0-OpenSSH_9.2\r\n');
  await t.rejects(connectQmp(ssh), { name: 'QmpProtocolError', message: /SSH-2\.0/u });
});

void t.test('WebSocket: a conforming peer works the same', async (t) => {
  const peers: FakePeer[] = [];
  await using monitor = await fakeWebSocketMonitor((message, peer) => {
    peers.push(peer);
    peer.send({ event: 'STOP', data: {}, timestamp: { seconds: 5, microseconds: 6 } });
    peer.send(`{"return": {"a`);
    peer.send(`": 1}, "id": ${String(message['id'])}}\r\n`);
  });
  await using client = await connectQmp({ url: monitor.url });
  t.strictSame(await client.executeRaw('stop'), { a: 1 }, 'messages may be split over frames');
  t.match(client.events, [{ name: 'STOP', timestamp: { seconds: 5, microseconds: 6 } }]);
  peers[0]?.end();
  t.match(await client.closed, { reason: /the peer closed it \(code 1005/u });
});

void t.test('WebSocket: an oversized frame and a missing listener', async (t) => {
  await using monitor = await fakeWebSocketMonitor((_message, peer) =>
    peer.send({ return: 'x'.repeat(5000), id: 2 }),
  );
  await using client = await connectQmp({ url: monitor.url }, { maxMessageBytes: 4096 });
  await t.rejects(client.execute('stop'), {
    name: 'QmpProtocolError',
    message: /max payload size exceeded/iu,
  });
  await using directory = await scratchDirectory();
  await t.rejects(connectQmp({ url: `ws+unix:${directory.path}/none.sock:/` }, { connectDeadlineMs: 100 }), {
    name: 'QmpTimeoutError',
    cause: { code: 'ENOENT' },
  });
});
