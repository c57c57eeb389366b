import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { listenForChannel } from './channel-server.js';

t.test('bytes arrive whole and in order, the rest of them when it is closed', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'crashpath-channel-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const groups: Buffer[] = [];
  const server = await listenForChannel(directory, 'a.sock', (bytes) => groups.push(bytes));
  t.equal(server.send(Buffer.from('x')), false, 'nobody is connected');
  const guest = connect(join(directory, 'a.sock'));
  await new Promise<void>((resolve) => {
    guest.once('connect', resolve);
  });
  const text = 'byte by byte '.repeat(50);
  for (const character of text) {
    guest.write(character);
    if (character === ' ') await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  guest.write('tail');
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  const intruder = connect(join(directory, 'a.sock'));
  await new Promise<void>((resolve) => {
    intruder.once('error', () => resolve());
  });
  const heard = new Promise<string>((resolve) => {
    guest.once('data', (bytes) => resolve(bytes.toString()));
  });
  t.equal(server.send(Buffer.from('1 ping\n')), true);
  t.equal(await heard, '1 ping\n');
  server.close();
  t.equal(Buffer.concat(groups).toString(), `${text}tail`);
  t.ok(groups.length < text.length / 4, 'and in groups, not byte by byte');
  guest.destroy();
});
