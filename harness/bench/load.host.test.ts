import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { withLoad } from './load.js';

/** Pids of this process's children. */
function children(): string[] {
  const { pid } = process;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
}

void t.test('the busy loops run beside the work and are gone after it, also when it fails', async (t) => {
  const before = children().length;
  await withLoad(2, async () => {
    await sleep(100);
    t.equal(children().length, before + 2);
  });
  t.equal(children().length, before);
  await t.rejects(
    withLoad(1, () => Promise.reject(new Error('failed'))),
    /failed/,
  );
  t.equal(children().length, before);
  t.equal(await withLoad(0, async () => children().length), before, 'no load, no process');
});
