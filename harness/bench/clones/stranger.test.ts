import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { writeTree } from '../../testing/files.js';
import { wrongInCampaign } from './stranger.js';

const line = (runId: string, detail = 'made') => JSON.stringify({ runId, detail });

/** A campaign of two runs that is complete; the first was cut off once. */
async function campaign(t: Test) {
  const directory = t.testdir({});
  const lines = [line('1', 'interrupted'), line('1.2'), line('2')];
  await writeTree(directory, {
    'campaign.json': JSON.stringify({ plans: [{ runId: '1' }, { like: 0, runId: '2' }] }),
    'results.jsonl': `${lines.join('\n')}\n`,
    'report.html': '<html>',
    ...Object.fromEntries(['1', '1.2', '2'].map((name) => [`${name}/verdict.json`, '{}'])),
  });
  const store = (more: readonly string[], end = '\n') =>
    writeFile(join(directory, 'results.jsonl'), more.join('\n') + end);
  const wrong = (printed: readonly string[], isComplete = true) =>
    wrongInCampaign(directory, { printed, isComplete });
  return { directory, lines, store, wrong };
}

t.test('a campaign that lost nothing', async (t) => {
  const { lines, wrong, store } = await campaign(t);
  t.strictSame(await wrong(lines), []);
  t.strictSame(await wrong([]), []);
  await store(lines.slice(0, 2), '\n{"runId":"2","det');
  t.strictSame(await wrong(lines.slice(0, 2), false), [], 'a part of a line, right after a kill');
});

t.test('what was printed and is lost, or is not the same', async (t) => {
  const { lines, wrong, store } = await campaign(t);
  await store(lines.slice(0, 2));
  t.strictSame(await wrong(lines, false), ['run 2 was printed and is lost']);
  await store([...lines.slice(0, 2), line('2', 'other')]);
  t.strictSame(await wrong(lines, false), ['run 2 was printed and is lost']);
});

t.test('runs that are missing, that ran twice, and lines that are none', async (t) => {
  const { directory, lines, wrong, store } = await campaign(t);
  await store([...lines, line('2')]);
  t.match(await wrong([]), ['results.jsonl has a run twice']);
  await store([...lines, line('2.2')]);
  t.match(await wrong([]), [
    'run 2 has 2 results',
    '3 results of 2 planned runs',
    'run 2.2 has no verdict.json',
  ]);
  await store(lines.slice(0, 2));
  t.match(await wrong([]), ['run 2 has 0 results', '1 results of 2 planned runs']);
  await store([...lines, 'no']);
  t.match(await wrong([]), ['line 4 of results.jsonl is no result']);
  await store(lines, '');
  t.equal((await wrong([]))[0], 'results.jsonl ends within a line');
  await store(lines);
  await rm(join(directory, 'report.html'));
  t.match(await wrong(['x', 'x']), [
    /^what was printed is no result/,
    /^what/,
    'a result was printed twice',
    'there is no report.html',
  ]);
});
