import { open } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { scratch } from '../../testing/files.js';
import { growthOf, holdingsOf, type Holdings } from './holdings.js';

const AT_REST: Holdings = {
  ended: 0,
  ...{ rssKiB: 200_000, threads: 11, children: 0, files: 20, sockets: 4, others: 9, templates: 1 },
};
const RUNS = 400;
/** One look for each run. */
const looks = (of: (ended: number) => Partial<Holdings>) =>
  Array.from({ length: RUNS }, (_, ended) => ({ ...AT_REST, ...of(ended), ended }));
const leaksIn = (seen: readonly Holdings[]) =>
  growthOf(seen, { runs: RUNS })?.flatMap(({ kind, leaks }) => (leaks === true ? [kind] : []));

void t.test('what comes and goes is no leak, what stays is one', (t) => {
  t.strictSame(leaksIn(looks((run) => ({ files: 20 + (run % 7), children: run % 3 }))), []);
  t.strictSame(leaksIn(looks((run) => ({ files: 20 + (run % 7) + (run > 240 ? 1 : 0) }))), ['files']);
  t.strictSame(leaksIn(looks((run) => ({ sockets: 4 + Math.floor(run / 80) }))), ['sockets']);
  t.end();
});

void t.test('memory may wander, but not far', (t) => {
  t.strictSame(leaksIn(looks((run) => ({ rssKiB: 200_000 + (run % 50) * 4_000 }))), []);
  t.strictSame(leaksIn(looks((run) => ({ rssKiB: 200_000 + run * 100 }))), []);
  t.strictSame(leaksIn(looks((run) => ({ rssKiB: 200_000 + run * 250 }))), ['rssKiB']);
  const few = looks((run) => ({ rssKiB: 200_000 + run * 1_000 })).slice(0, 100);
  t.match(growthOf(few, { runs: 100 })?.[0], { kind: 'rssKiB', leaks: undefined }, 'too few runs to tell');
  t.end();
});

void t.test('what a campaign holds before it is warm, and at its end, is not compared', (t) => {
  t.strictSame(leaksIn(looks((run) => ({ files: run < 100 ? 1 : 20 }))), []);
  t.equal(growthOf(looks(() => ({})).slice(0, 240), { runs: RUNS }), undefined, 'never looked at late');
  t.end();
});

void t.test('a process that opens a file and a socket holds one more of each', async (t) => {
  const before = holdingsOf(process.pid, 7);
  t.match(before, { ended: 7, templates: 0 });
  // A socket's path is short (108 bytes, unix(7)).
  const directory = await scratch(t);
  const file = await open(join(directory, 'file'), 'w');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(directory, 'socket'), resolve));
  const after = holdingsOf(process.pid, 8);
  t.equal(after?.files, (before?.files ?? 0) + 1);
  t.equal(after?.sockets, (before?.sockets ?? 0) + 1);
  await file.close();
  await new Promise((resolve) => server.close(resolve));
  t.equal(holdingsOf(2 ** 22 + 1, 0), undefined, 'no such process');
});
