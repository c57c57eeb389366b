import { createHook } from 'node:async_hooks';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { makeFifos, openUartChannel } from './uart.js';

async function opened(directory: string, onBytes: (bytes: Buffer) => void) {
  await makeFifos(directory, ['console']);
  return openUartChannel(directory, 'console', onBytes);
}

t.test('bytes arrive whole and in order, the rest of them when it is closed', async (t) => {
  const directory = t.testdir({});
  const groups: Buffer[] = [];
  const channel = await opened(directory, (bytes) => groups.push(bytes));
  // As QEMU does: both ends open for both directions.
  const output = openSync(join(directory, 'console.out'), 'r+');
  const input = openSync(join(directory, 'console.in'), 'r+');
  const text = 'byte by byte '.repeat(50);
  for (const character of text) {
    writeSync(output, character);
    if (character === ' ') await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  channel.send(Buffer.from('1 ping\n'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const heard = Buffer.alloc(64);
  t.equal(heard.toString('latin1', 0, readSync(input, heard)), '1 ping\n');
  writeSync(output, 'tail');
  closeSync(output);
  closeSync(input);
  await channel.close();
  t.equal(Buffer.concat(groups).toString(), `${text}tail`);
  t.ok(groups.length < text.length / 4, 'and in groups, not byte by byte');
  t.strictSame(await readdir(directory), [], 'nothing is left');
});

t.test('the reader is woken for a group, not for each of its bytes', async (t) => {
  const pipes = new Set<number>();
  let wakes = 0;
  const hook = createHook({
    init(id, type) {
      if (type === 'PIPEWRAP') pipes.add(id);
    },
    before(id) {
      if (pipes.has(id)) wakes += 1;
    },
  }).enable();
  t.teardown(() => hook.disable());
  const directory = t.testdir({});
  const groups: Buffer[] = [];
  const channel = await opened(directory, (bytes) => groups.push(bytes));
  const output = openSync(join(directory, 'console.out'), 'r+');
  const bytes = 1000;
  for (let byte = 0; byte < bytes; byte += 1) {
    writeSync(output, String(byte % 10));
    // The loop looks for events meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  closeSync(output);
  t.equal(Buffer.concat(groups).toString(), '0123456789'.repeat(bytes / 10), 'and none is lost');
  t.ok(
    wakes > 0 && wakes < 3 * groups.length,
    `${wakes} times for ${groups.length} groups of ${bytes} bytes`,
  );
  await channel.close();
});

t.test(
  'a reader that is busy loses nothing: single bytes fill the FIFO by their number, not by their writes',
  async (t) => {
    const directory = t.testdir({});
    const groups: Buffer[] = [];
    const channel = await opened(directory, (bytes) => groups.push(bytes));
    const output = openSync(join(directory, 'console.out'), 'r+');
    // Ten times what a Unix socket takes before its reader reads.
    const text = 'x'.repeat(3000);
    for (const character of text) writeSync(output, character);
    closeSync(output);
    await channel.close();
    t.equal(Buffer.concat(groups).toString(), text);
  },
);

t.test('what was written before a drain is reported by it, and counted once', async (t) => {
  const directory = t.testdir({});
  const groups: Buffer[] = [];
  const channel = await opened(directory, (bytes) => groups.push(bytes));
  const output = openSync(join(directory, 'console.out'), 'r+');
  t.equal(channel.drain?.(), 0);
  writeSync(output, 'reboot: ');
  // The reader takes them, and they wait for their group.
  await new Promise((resolve) => setTimeout(resolve, 1));
  writeSync(output, 'Power down');
  t.equal(channel.drain?.(), 18);
  t.equal(Buffer.concat(groups).toString(), 'reboot: Power down');
  t.equal(channel.drain?.(), 0);
  closeSync(output);
  await channel.close();
  t.equal(Buffer.concat(groups).length, 18);
});
