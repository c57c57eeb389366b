import t from 'tap';
import { withinTime } from './memory-windows.js';

/** Memory over a link of so many bytes in a second, and how many are read until it is given up; all of them: never. */
async function readAll(bytes: number, bytesPerS: number): Promise<number> {
  let nowMs = 0;
  const memory = {
    async read(_: number, length: number) {
      nowMs += (length / bytesPerS) * 1000;
      return Buffer.alloc(0);
    },
  };
  const bounded = withinTime(memory, { bytes, nowMs: () => nowMs });
  for (let at = 0; at < bytes; at += 1000) {
    try {
      await bounded.read(at, 1000);
    } catch (error) {
      t.match(error, { message: /the link to its host is slow: \d+ bytes would take \d+ min$/, gone: false });
      return at;
    }
  }
  return bytes;
}

void t.test('a stopped run does not wait for a window', async (t) => {
  const stop = new AbortController();
  const limits = { bytes: 1, nowMs: () => 0, signal: stop.signal };
  const never = withinTime({ read: () => new Promise(() => undefined) }, limits);
  const reading = never.read(0, 1);
  stop.abort();
  await t.rejects(reading, { message: 'the run was stopped', gone: false });
  await t.rejects(never.read(0, 1), { message: 'the run was stopped' }, 'stopped before');
  const quick = withinTime({ read: async () => Buffer.alloc(1) }, { ...limits, signal: undefined });
  t.equal((await quick.read(0, 1)).length, 1);
});

void t.test('a window is read into memory that is there, whatever the machine returns', async (t) => {
  const machines = {
    'a fresh buffer': async (address: number, length: number) => Buffer.alloc(length, address),
    'the buffer that was offered': async (address: number, length: number, options?: { into?: Buffer }) =>
      (options?.into ?? Buffer.alloc(length)).fill(address),
  };
  for (const [what, read] of Object.entries(machines)) {
    const memory = withinTime({ read }, { bytes: 8, nowMs: () => 0 });
    const one = await memory.read(1, 4);
    const two = await memory.read(2, 4);
    t.equal(one.buffer, two.buffer, what);
    t.strictSame([...two], [2, 2, 2, 2]);
    const into = Buffer.alloc(4);
    const three = await memory.read(3, 4, { into });
    t.strictSame(
      [[...into], three.buffer === into.buffer, [...two]],
      [[3, 3, 3, 3], true, [2, 2, 2, 2]],
      what,
    );
  }
});

void t.test('a slow link is noticed with the first part', async (t) => {
  t.equal(await readAll(299_000, 1000), 299_000, 'just under five minutes');
  t.equal(await readAll(301_000, 1000), 0);
  t.equal(await readAll(1_000_000, 1000), 0);
});
