import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { connectQmp, QmpProtocolError, type QmpMessage, type QmpObservation } from './index.js';
import { fakeMonitor, GREETING } from '../../testing/fakes/qmp-monitor.js';

const RUNNING = { running: true, singlestep: false, status: 'running' } as const;

void t.test('greets, negotiates and executes', async (t) => {
  const seen: [string, QmpMessage, number][] = [];
  await using monitor = await fakeMonitor((message, peer) =>
    peer.send({ return: RUNNING, id: message['id'] }),
  );
  let clock = 0;
  await using client = await connectQmp(monitor, {
    now: () => (clock += 1),
    onMessage: (direction, message, atMs) => seen.push([direction, message, atMs]),
  });
  t.match(client.greeting, {
    version: { major: 9, minor: 9, micro: 1, package: 'fake' },
    capabilities: ['oob'],
  });
  t.equal(client.oobEnabled, false, 'oob only when asked for');
  t.strictSame(await client.execute('query-status'), RUNNING);
  t.strictSame(
    seen.map(([direction, message]) => [direction, message]),
    [
      ['received', GREETING],
      ['sent', { execute: 'qmp_capabilities', id: 1 }],
      ['received', { return: {}, id: 1 }],
      ['sent', { execute: 'query-status', id: 2 }],
      ['received', { return: RUNNING, id: 2 }],
    ],
    'the tap saw every message in order',
  );
  const times = seen.map(([, , atMs]) => atMs);
  t.strictSame(
    times,
    [...times].sort((left, right) => left - right),
    'with times of the given clock',
  );
});

void t.test('replies are matched by id, whatever their order', async (t) => {
  const asked: QmpMessage[] = [];
  await using monitor = await fakeMonitor((message, peer) => {
    asked.push(message);
    if (asked.length < 3) return;
    for (const { id, arguments: args } of asked.toReversed()) peer.send({ return: args, id });
  });
  await using client = await connectQmp(monitor);
  const answers = await Promise.all([1, 2, 3].map((n) => client.executeRaw('echo', { n })));
  t.strictSame(answers, [{ n: 1 }, { n: 2 }, { n: 3 }]);
});

void t.test('an error reply is typed', async (t) => {
  await using monitor = await fakeMonitor(({ id }, peer) =>
    peer.send({ error: { class: 'GenericError', desc: 'no\nsuch thing' }, id }),
  );
  await using client = await connectQmp(monitor);
  await t.rejects(client.execute('device_del', { id: 'x' }), {
    name: 'QmpCommandError',
    command: 'device_del',
    errorClass: 'GenericError',
    desc: 'no\nsuch thing',
    message: String.raw`cannot execute QMP command "device_del": no\u000asuch thing (GenericError)`,
  });
});

void t.test('a deadline passes, the late reply is observed, the connection lives', async (t) => {
  const observed: QmpObservation[] = [];
  const held: unknown[] = [];
  await using monitor = await fakeMonitor((message, peer) => {
    if (message['execute'] === 'stop') held.push(message['id']);
    else peer.send({ return: RUNNING, id: message['id'] });
    if (message['execute'] === 'cont') for (const id of held) peer.send({ return: {}, id });
  });
  await using client = await connectQmp(monitor, {
    onObservation: (observation) => observed.push(observation),
  });
  await t.rejects(client.execute('stop', {}, { deadlineMs: 30 }), {
    name: 'QmpTimeoutError',
    deadlineMs: 30,
    message: /"stop": no reply within 30 ms/u,
  });
  await client.execute('cont');
  await client.execute('query-status');
  t.match(observed, [{ kind: 'late-reply', command: 'stop', id: 2, message: { return: {}, id: 2 } }]);
  t.strictSame(client.observations, observed);
});

void t.test('an abort ends the wait and nothing else', async (t) => {
  await using monitor = await fakeMonitor((message, peer) => {
    if (message['execute'] !== 'stop') peer.send({ return: RUNNING, id: message['id'] });
  });
  await using client = await connectQmp(monitor);
  const reason = new Error('enough');
  const controller = new AbortController();
  const stopping = client.execute('stop', {}, { signal: controller.signal });
  const waiting = client.waitForEvent('STOP', { signal: controller.signal });
  controller.abort(reason);
  await t.rejects(stopping, reason);
  await t.rejects(waiting, reason);
  await client.execute('query-status');
  const before = monitor.received.length;
  await t.rejects(client.execute('stop', {}, { signal: controller.signal }), reason, 'already aborted');
  await t.rejects(client.waitForEvent('STOP', { signal: controller.signal }), reason, 'already aborted');
  t.strictSame(await client.execute('query-status'), RUNNING);
  t.equal(monitor.received.length, before + 1, 'an aborted command is not sent');
});

void t.test('out of band', async (t) => {
  await using monitor = await fakeMonitor((message, peer) => {
    if (message['exec-oob'] === 'query-yank') peer.send({ return: [], id: message['id'] });
  });
  await using plain = await connectQmp(monitor);
  await t.rejects(plain.executeOob('query-yank'), { name: 'QmpProtocolError', message: /not enabled/u });
  await plain.close();
  await using client = await connectQmp(monitor, { oob: true });
  t.equal(client.oobEnabled, true);
  const blocked = client.execute('stop');
  t.strictSame(await client.executeOob('query-yank'), [], 'overtakes a blocked command');
  t.match(monitor.received, [
    { execute: 'qmp_capabilities' },
    { execute: 'qmp_capabilities', arguments: { enable: ['oob'] } },
    { execute: 'stop' },
    { 'exec-oob': 'query-yank' },
  ]);
  const rejected = t.rejects(blocked, { name: 'QmpClosedError' });
  await client.close();
  await rejected;
});

void t.test('oob is not enabled where it is not offered', async (t) => {
  await using monitor = await fakeMonitor(() => {}, { QMP: { ...GREETING.QMP, capabilities: [] } });
  await using client = await connectQmp(monitor, { oob: true });
  t.equal(client.oobEnabled, false);
  t.strictSame(monitor.received, [{ execute: 'qmp_capabilities', id: 1 }]);
});

void t.test('the peer hangs up: every wait fails with the reason and stderr', async (t) => {
  let stderr = '';
  await using monitor = await fakeMonitor((_message, peer) => {
    peer.send({ event: 'SHUTDOWN', data: { guest: false, reason: 'host-error' } });
    peer.end();
    setTimeout(() => {
      stderr = 'first\nqemu: terminating\u001b[0m on signal 15\n';
    }, 10);
  });
  await using client = await connectQmp(monitor, { stderrTail: () => stderr });
  const waiting = t.rejects(client.waitForEvent('RESUME'), { name: 'QmpClosedError' });
  await t.rejects(client.execute('stop'), {
    name: 'QmpClosedError',
    reason: 'the peer closed the connection',
    stderrTail: /signal 15/u,
    message:
      /^cannot execute QMP command "stop": .*; QEMU said: first \| qemu: terminating\\u001b\[0m on signal 15$/u,
  });
  await waiting;
  t.match(await client.closed, { name: 'QmpClosedError', reason: 'the peer closed the connection' });
  await t.rejects(client.execute('cont'), { name: 'QmpClosedError' }, 'later commands too');
  t.match(
    await client.waitForEvent('SHUTDOWN', { since: 0 }),
    { data: { reason: 'host-error' } },
    'events remain',
  );
  await t.rejects(client.waitForEvent('STOP', { since: 0 }), { name: 'QmpClosedError' });
});

void t.test('close is idempotent and fails what is pending', async (t) => {
  await using monitor = await fakeMonitor(() => {});
  const client = await connectQmp(monitor);
  const pending = t.rejects(client.execute('stop'), {
    name: 'QmpClosedError',
    reason: /this client closed/u,
  });
  await Promise.all([client.close(), client.close(), client[Symbol.asyncDispose]()]);
  await pending;
});

void t.test('messages outside the protocol are observed, not lost', async (t) => {
  const odd = [
    { return: {}, id: 4711 },
    { return: {}, id: 'two' },
    { return: {} },
    { error: { class: 'GenericError', desc: 'JSON parse error' } },
    { hello: 'world' },
    { event: 7 },
    { error: 'text' },
    GREETING,
  ];
  await using monitor = await fakeMonitor((message, peer) => {
    for (const entry of odd) peer.send(entry);
    peer.send({ return: {}, id: message['id'] });
    peer.send({ return: {}, id: message['id'] });
  });
  await using client = await connectQmp(monitor, {
    observationsKept: 8,
    onObservation: () => {
      throw new Error('the observer is broken');
    },
    onMessage: () => {},
  });
  const off = client.onEvent(() => {});
  await client.execute('stop');
  await sleep(20);
  t.strictSame(
    client.observations
      .filter(({ kind }) => kind !== 'listener-threw')
      .map(({ kind }) => kind)
      .slice(-3),
    ['unrecognized-message', 'unexpected-greeting', 'unknown-reply'],
  );
  t.equal(client.observations.length, 8, 'bounded');
  t.ok(client.observationsDropped > 0, 'and counted');
  off();
});

void t.test('each oddity has its kind', async (t) => {
  await using monitor = await fakeMonitor((message, peer) => {
    peer.send({ return: {}, id: 4711 });
    peer.send({ return: {} });
    peer.send({ error: { class: 'GenericError', desc: 'JSON parse error' } });
    peer.send({ error: 'text' });
    peer.send({ return: {}, id: message['id'] });
  });
  await using client = await connectQmp(monitor);
  await client.execute('stop');
  t.strictSame(
    client.observations.map(({ kind }) => kind),
    ['unknown-reply', 'unknown-reply', 'error-without-id', 'unrecognized-message'],
  );
});

void t.test('a listener that throws does no harm', async (t) => {
  await using monitor = await fakeMonitor((message, peer) => {
    peer.send({ event: 'STOP' });
    peer.send({ return: RUNNING, id: message['id'] });
  });
  await using client = await connectQmp(monitor);
  client.onEvent(() => {
    throw new Error('broken listener');
  });
  t.strictSame(await client.execute('query-status'), RUNNING);
  t.match(client.observations, [
    { kind: 'listener-threw', listener: 'onEvent', error: { message: 'broken listener' } },
  ]);
});

void t.test('arguments that JSON cannot express leave nothing behind', async (t) => {
  await using monitor = await fakeMonitor((message, peer) => peer.send({ return: {}, id: message['id'] }));
  await using client = await connectQmp(monitor);
  await t.rejects(client.executeRaw('x', { big: 1n }), TypeError);
  t.strictSame(await client.executeRaw('y', { gone: undefined, kept: 1 }), {});
  t.match(monitor.received.at(-1), { execute: 'y', arguments: { kept: 1 }, id: 2 });
});

void t.test('hostile peers end in a protocol error', async (t) => {
  const huge = `{"event":"${'x'.repeat(5000)}"}`;
  for (const [what, bytes] of [
    ['invalid JSON', '{"return": oops}'],
    ['not an object', '42\n'],
    ['a message beyond the bound', huge],
    ['a message that never ends', huge.slice(0, -3)],
  ] as const) {
    await using monitor = await fakeMonitor((_message, peer) => peer.send(bytes));
    await using client = await connectQmp(monitor, { maxMessageBytes: 4096 });
    await t.rejects(client.execute('stop'), { name: 'QmpProtocolError' }, what);
    const closed = await client.closed;
    t.type(closed.cause, QmpProtocolError);
    await t.rejects(client.execute('stop'), { name: 'QmpClosedError' }, `${what}: then it is closed`);
  }
});
