import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { times, writeCampaign, writeTrial } from '../testing/builders/stored-campaign.js';
import { type History, readHistory } from './read-history.js';

const GOOD = { verdict: 'captured' } as const;
const HUNG = { verdict: 'crash-path-hang' } as const;

/** Reads the history; messages are collected. */
function history(out: string, rebuild = false): History & { messages: string[] } {
  const messages: string[] = [];
  return { ...readHistory(out, { rebuild, onMessage: (message) => messages.push(message) }), messages };
}

/** Cells as short lines: `sysrq-task debian:6.1: a 0/2, b 1/2`. */
function lines({ cells }: History): string[] {
  return cells.map(
    ({ cell, points }) =>
      `${cell.scenario} ${cell.kernel}${cell.machine === undefined ? '' : ` on ${cell.machine}`}${cell.accel === 'tcg' ? '' : ' kvm'}: ${points
        .map(({ campaign, failures, judged }) => `${campaign} ${failures}/${judged}`)
        .join(', ')}`,
  );
}

/** What is left in the output directory beside campaigns. */
async function leftIn(out: string): Promise<string[]> {
  return (await readdir(out)).filter((name) => name.startsWith('history')).sort();
}

async function threeCampaigns(t: Test): Promise<string> {
  const out = t.testdir({});
  await writeCampaign(out, { path: 'b', at: '2026-01-02T00:00:00Z', trials: [GOOD, HUNG] });
  await writeCampaign(out, { path: 'a', at: '2026-01-01T00:00:00Z', trials: times(2, GOOD) });
  await writeCampaign(out, {
    path: 'nights/2026-01-03T013000Z/campaign',
    at: '2026-01-03T01:30:00Z',
    trials: [HUNG, { verdict: 'void' }, { verdict: 'harness-error' }],
  });
  return out;
}

t.test('campaigns and nights, in the order in which they began', async (t) => {
  const out = await threeCampaigns(t);
  const first = history(out);
  t.strictSame(lines(first), ['sysrq-task debian:6.1: a 0/2, b 1/2, nights/2026-01-03T013000Z/campaign 1/1']);
  const points = first.cells[0]?.points ?? [];
  t.match(points[2], { night: '2026-01-03T013000Z', void: 1, harnessErrors: 1, failedRun: '001' });
  t.equal(points[1]?.night, undefined);
  t.match(points[1], { failedRun: '002', goodRun: '001', verdicts: { captured: 1, 'crash-path-hang': 1 } });
  t.strictSame(first.update, { campaigns: 3, runs: 7, read: 7, changed: true });
  t.strictSame(first.messages, []);
  t.strictSame(await leftIn(out), ['history.sqlite']);
  t.equal((await stat(join(out, 'history.sqlite'))).mode & 0o777, 0o600);
});

t.test('the second time nothing is read and nothing written', async (t) => {
  const out = await threeCampaigns(t);
  const first = history(out);
  const before = await stat(join(out, 'history.sqlite'));
  const second = history(out);
  t.strictSame(second.update, { campaigns: 3, runs: 7, read: 0, changed: false });
  t.strictSame(second.cells, first.cells);
  t.equal((await stat(join(out, 'history.sqlite'))).ino, before.ino);
  t.strictSame(await leftIn(out), ['history.sqlite']);
});

t.test('runs that end meanwhile, are judged again, or are removed', async (t) => {
  const out = await threeCampaigns(t);
  history(out);
  // A campaign that still runs: a directory without a verdict, which comes later.
  await mkdir(join(out, 'b/003'));
  t.strictSame(history(out).update, { campaigns: 3, runs: 7, read: 0, changed: false });
  await writeTrial(join(out, 'b'), { name: '003', trial: HUNG });
  t.match(history(out), { update: { runs: 8, read: 1 } });
  t.match(lines(history(out))[0], /b 2\/3/);
  await writeTrial(join(out, 'b'), { name: '003', trial: GOOD });
  t.match(history(out), { update: { runs: 8, read: 1 } });
  t.match(lines(history(out))[0], /b 1\/3/);
  await rm(join(out, 'b/003'), { recursive: true });
  t.match(lines(history(out))[0], /b 1\/2/);
  await rm(join(out, 'b'), { recursive: true });
  const last = history(out);
  t.match(lines(last)[0], /: a 0\/2, nights/);
  t.match(last.update, { campaigns: 2, runs: 5, read: 0, changed: true });
  await rm(join(out, 'a'), { recursive: true });
  await rm(join(out, 'nights'), { recursive: true });
  t.strictSame(history(out).cells, []);
});

t.test('what is no trial does not count', async (t) => {
  const out = t.testdir({});
  const directory = await writeCampaign(out, {
    path: 'c',
    at: '2026-01-01T00:00:00Z',
    trials: [
      GOOD,
      { verdict: 'harness-error', detail: 'interrupted' },
      { verdict: 'harness-error', detail: 'host-lost' },
      { verdict: 'harness-error', detail: 'qemu-exit' },
      HUNG,
      HUNG,
    ],
  });
  await writeFile(join(directory, '005/verdict.json'), '{"schema": 1, "verdict": "capt');
  await rm(join(directory, '006/plan.json'));
  await symlink(join(directory, '001'), join(directory, '007'));
  await symlink(directory, join(out, 'd'));
  const read = history(out);
  t.strictSame(lines(read), ['sysrq-task debian:6.1: c 0/1']);
  t.match(read.cells[0]?.points, [{ harnessErrors: 1, void: 0 }]);
  t.equal(history(out).update.read, 0, 'and is not read again either');
});

t.test('cells: columns of campaign files, specs, pairs, machines, accelerators', async (t) => {
  const out = t.testdir({});
  await writeCampaign(out, {
    path: 'c',
    at: '2026-01-01T00:00:00Z',
    trials: [
      { ...GOOD, column: 'stable', spec: './bzImage' },
      { ...GOOD, spec: './bzImage' },
      { ...GOOD, captureKernel: '6.12' },
      { ...GOOD, machine: 'no-ioapic' },
      { ...HUNG, accel: 'kvm' },
    ],
  });
  t.strictSame(lines(history(out)), [
    'sysrq-task ./bzImage: c 0/1',
    'sysrq-task debian:6.1 kvm: c 1/1',
    'sysrq-task debian:6.1 on no-ioapic: c 0/1',
    'sysrq-task debian:6.1 -> debian:6.1: c 0/1',
    'sysrq-task stable: c 0/1',
  ]);
});

t.test('builds of one release are told apart; a degraded capture is a capture', async (t) => {
  const out = t.testdir({});
  await writeCampaign(out, {
    path: 'c',
    at: '2026-01-01T00:00:00Z',
    trials: [
      { ...GOOD, degraded: true, build: 'one', column: 'k' },
      { ...HUNG, build: 'two', column: 'k' },
    ],
  });
  const [cell] = history(out).cells;
  t.strictSame(
    cell?.points.map(({ failures, judged, verdicts }) => [failures, judged, verdicts]),
    [
      [0, 1, { 'captured (degraded)': 1 }],
      [1, 1, { 'crash-path-hang': 1 }],
    ],
  );
});

t.test('where nothing is to be captured the scenario says what is right', async (t) => {
  const out = t.testdir({});
  const noTrigger = { scenario: 'no-trigger', expect: 'no-panic' } as const;
  await writeCampaign(out, {
    path: 'c',
    at: '2026-01-01T00:00:00Z',
    trials: [
      { ...noTrigger, verdict: 'no-panic' },
      { ...noTrigger, verdict: 'captured' },
      { scenario: 'seeded', expect: 'crash-path-hang', verdict: 'crash-path-hang' },
    ],
  });
  t.strictSame(lines(history(out)), ['no-trigger debian:6.1: c 1/2', 'seeded debian:6.1: c 1/1']);
});

t.test('an index that is damaged, of another version, or no index at all', async (t) => {
  const out = await threeCampaigns(t);
  const expected = lines(history(out));
  const index = join(out, 'history.sqlite');
  const sound = await readFile(index);
  const damaged = Buffer.from(sound);
  damaged.fill(0xa5, 4096, 8192);
  const older = Buffer.from(sound);
  // user_version (fileformat2.html of SQLite, 1.3.13).
  older.writeUInt32BE(0, 60);
  for (const [what, bytes, says] of [
    ['text', Buffer.from('not a database'), /is rebuilt: it is damaged/],
    ['cut', sound.subarray(0, 5000), /is rebuilt: it is damaged/],
    ['a page', damaged, /is rebuilt: it is damaged/],
    ['version', older, /is rebuilt: it has version 0, this crashpath writes 1/],
  ] as const) {
    await writeFile(index, bytes);
    const read = history(out);
    t.strictSame(lines(read), expected, what);
    t.match(read.messages, [says], what);
    t.equal(read.messages.length, 1, what);
    t.strictSame(history(out).messages, [], `${what}: it is sound again`);
  }
  await writeFile(index, '');
  t.strictSame(lines(history(out)), expected, 'an empty file');
  await rm(index);
  await promisify(execFile)('mkfifo', [index]);
  const fifo = history(out);
  t.strictSame(lines(fifo), expected, 'a FIFO');
  t.match(fifo.messages, [/is rebuilt: it is no file/]);
  t.ok((await stat(index)).isFile());
  await rm(index);
  await mkdir(index);
  const read = history(out);
  t.strictSame(lines(read), expected, 'a directory');
  t.match(read.messages.at(-1), /cannot be kept/);
  t.strictSame(await leftIn(out), ['history.sqlite']);
});

t.test('a directory without campaigns stays as it was', async (t) => {
  const out = t.testdir({ thesis: { 'chapter.tex': '' } });
  t.strictSame(history(out).cells, []);
  t.strictSame(await readdir(out), ['thesis']);
});

t.test('--rebuild reads everything again', async (t) => {
  const out = await threeCampaigns(t);
  const before = history(out);
  const again = history(out, true);
  t.equal(again.update.read, 7);
  t.strictSame(again.cells, before.cells);
  t.strictSame(again.messages, []);
});

t.test(
  'a directory that cannot be written',
  { skip: process.getuid?.() === 0 && 'root may write' },
  async (t) => {
    const out = await threeCampaigns(t);
    await chmod(out, 0o500);
    const read = history(out);
    await chmod(out, 0o700);
    t.match(read.messages, [/cannot be kept.*permission denied/]);
    t.equal(read.update.runs, 7);
  },
);

t.test('a copy that a killed crashpath left behind is removed after an hour', async (t) => {
  const out = await threeCampaigns(t);
  await mkdir(join(out, 'history.sqlite.1.tmp.lock'));
  await writeFile(join(out, 'history.sqlite.1.tmp'), '');
  history(out);
  t.equal((await leftIn(out)).length, 3, 'it may still be in use');
  const { utimes } = await import('node:fs/promises');
  for (const name of ['history.sqlite.1.tmp.lock', 'history.sqlite.1.tmp'])
    await utimes(join(out, name), new Date(0), new Date(0));
  history(out);
  t.strictSame(await leftIn(out), ['history.sqlite']);
});

t.test('a campaign that moves keeps nothing of its old place', async (t) => {
  const out = await threeCampaigns(t);
  history(out);
  await rename(join(out, 'a'), join(out, 'z'));
  t.match(lines(history(out))[0], /: z 0\/2, b 1\/2/);
});

t.test('names of directories are only names', async (t) => {
  const out = t.testdir({});
  const name = `'"; DROP TABLE runs; --\n\u001b[2J`;
  const directory = await writeCampaign(out, { path: name, at: 'never', trials: [] });
  await writeTrial(directory, { name, trial: { ...HUNG, scenario: name } });
  for (const expected of [1, 0]) {
    const read = history(out);
    t.equal(read.update.read, expected);
    t.match(read.cells[0]?.points, [{ campaign: name, failedRun: name }]);
    t.notOk(Number.isNaN(new Date(read.cells[0]?.points[0]?.at ?? '').getTime()), 'the time of its file');
  }
});

t.test('many at the same time', async (t) => {
  const out = await threeCampaigns(t);
  const script = `
    import { readHistory } from ${JSON.stringify(new URL('./read-history.js', import.meta.url).href)};
    for (let round = 0; round < 5; round += 1) {
      const { cells } = readHistory(${JSON.stringify(out)}, {
        rebuild: round % 2 === 0,
        onMessage: (message) => { throw new Error(message); },
      });
      if (cells[0].points.length !== 3) throw new Error(JSON.stringify(cells));
    }`;
  await t.resolves(
    Promise.all(
      Array.from({ length: 4 }, () =>
        promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]),
      ),
    ),
  );
  t.strictSame(await leftIn(out), ['history.sqlite']);
  t.strictSame(history(out).update.changed, false);
});
