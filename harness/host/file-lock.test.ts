import { on } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import t from 'tap';
import { scratch } from '../testing/files.js';
import { withFileLock } from './file-lock.js';

void t.test('one holder at a time: the others wait, or are refused at once', async (t) => {
  const file = join(await scratch(t), 'lock');
  const order: string[] = [];
  let begun = () => {};
  const isHeld = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const first = withFileLock(file, { waitMs: 60_000, held: 'held' }, async () => {
    begun();
    await sleep(300);
    order.push('first');
    return 1;
  });
  await isHeld;
  await t.rejects(
    withFileLock(file, { waitMs: 0, held: 'another one has it; wait' }, async () => order.push('never')),
    { kind: 'harness', message: `cannot lock "${file}": another one has it; wait` },
  );
  await t.rejects(
    withFileLock(file, { waitMs: 100, held: 'another one has it; wait' }, async () => order.push('never')),
    { kind: 'harness', message: /another one has it/ },
  );
  const second = withFileLock(file, { waitMs: 60_000, held: 'held' }, async () => order.push('second'));
  t.equal(await first, 1);
  await second;
  t.strictSame(order, ['first', 'second']);
  await t.rejects(
    withFileLock(file, { waitMs: 0, held: 'held' }, async () => {
      throw new Error('of the work');
    }),
    { message: 'of the work' },
  );
  t.equal(await withFileLock(file, { waitMs: 0, held: 'held' }, async () => 'free again'), 'free again');
});

void t.test("a terminal's Ctrl-C leaves the lock to the work that it ends", async (t) => {
  const file = join(await scratch(t), 'lock');
  const modulePath = new URL('./file-lock.js', import.meta.url).href;
  const program = `
    process.on('SIGINT', () => console.log('interrupted'));
    const { withFileLock } = await import(${JSON.stringify(modulePath)});
    await withFileLock(${JSON.stringify(file)}, { waitMs: 0, held: 'held' }, async () => {
      console.log('locked');
      for await (const _ of process.stdin);
    });`;
  // Leads a group of its own, as the foreground job of a terminal does.
  const holder = execa(process.execPath, ['--input-type=module', '-e', program], { detached: true });
  const said = on(holder.stdout, 'data');
  await said.next();
  process.kill(-(holder.pid ?? 0), 'SIGINT');
  await said.next();
  await sleep(200);
  const take = () => withFileLock(file, { waitMs: 0, held: 'held' }, async () => 'free');
  await t.rejects(take(), { message: /: held$/ });
  holder.stdin.end();
  await holder;
  t.equal(await take(), 'free');
});

void t.test('an abort ends the wait with its reason', async (t) => {
  const file = join(await scratch(t), 'lock');
  const stop = new AbortController();
  const reason = new Error('enough');
  await withFileLock(file, { waitMs: 0, held: 'held' }, async () => {
    setTimeout(() => stop.abort(reason), 50);
    const waits = { waitMs: 60_000, held: 'held', signal: stop.signal };
    await t.rejects(
      withFileLock(file, waits, async () => 1),
      reason,
    );
  });
});
