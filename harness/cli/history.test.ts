import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type HistoryObject, HistorySchema } from '../report/history-json.js';
import { crashpathInProcess } from '../testing/command-in-process.js';
import { times, writeCampaign } from '../testing/builders/stored-campaign.js';
import { since } from './words/history.js';

const LOCK = { scenario: 'ioapic-lock-held', column: 'stable' } as const;
const TASK = { scenario: 'sysrq-task', column: 'stable' } as const;
const HOSTILE = '\u001b[2J\u202e<b>';

/** Five nights: from the third on the lock hangs, in the fifth it is fixed. */
async function nights(t: Test): Promise<string> {
  const out = join(t.testdir({}), 'runs');
  for (const night of [1, 2, 3, 4, 5]) {
    const build = { kernel: `6.1.${night}`, build: `build ${night}`, spec: `/builds/${night}/bzImage` };
    const isBad = night === 3 || night === 4;
    await writeCampaign(out, {
      path: `nights/2026-11-0${night}T013000Z/campaign`,
      at: `2026-11-0${night}T01:30:00Z`,
      trials: [
        ...times(8, { ...LOCK, ...build, verdict: isBad ? 'crash-path-hang' : 'captured' }),
        ...times(2, { ...TASK, ...build, verdict: 'captured' }),
      ],
    });
  }
  return out;
}

function objects(stdout: string): HistoryObject[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => HistorySchema.parse(JSON.parse(line)));
}

t.test('what changed, with builds and commands', async (t) => {
  const out = await nights(t);
  const { stdout, stderr, exitCode } = await crashpathInProcess(['history', '--out', out]);
  t.equal(exitCode, 0);
  t.equal(stderr, '');
  t.match(stdout, /^ioapic-lock-held +stable +default \(tcg\) +00XX0 +0\/8 +0 % +0 % \.\. 37 % +fixed$/m);
  t.match(stdout, /^sysrq-task +stable +default \(tcg\) +00000 +0\/10 +0 % +0 % \.\. 31 % +unchanged$/m);
  t.match(
    stdout,
    /^fixed: ioapic-lock-held, kernel stable, machine default \(tcg\)\n {2}rate: 16\/16 failed \(79 % \.\. 100 %\), then 0\/8 failed \(at most 31 %\); p < 0\.0001\n {2}last bad build: 6\.1\.4 \[[0-9a-f]{8}\], nights\/2026-11-04T013000Z\/campaign, 2026-11-04T01:30\n {2}first good build: 6\.1\.5 \[/m,
  );
  t.match(stdout, /^ {2}before that 1 change: crashpath history ioapic-lock-held\/stable\/default$/m);
  t.notMatch(stdout, /regressed:/, 'only the latest of each, when there are several');
});

t.test('one cell: each campaign and each change', async (t) => {
  const out = await nights(t);
  const { stdout } = await crashpathInProcess(['history', 'ioapic-lock-held/stable', '--out', out]);
  t.match(
    stdout,
    /^2026-11-03 01:30 {2}nights\/2026-11-03T013000Z\/campaign {2}6\.1\.3 \[[0-9a-f]{8}\] +8\/8 +63 % \.\. 100 % +0 {2}rose$/m,
  );
  t.match(
    stdout,
    new RegExp(
      [
        String.raw`^regressed: .*\n.*\n  last good build: 6\.1\.2 \[.*\n  first bad build: 6\.1\.3 \[.*`,
        String.raw`  reproduce: crashpath run ioapic-lock-held --kernel /builds/3/bzImage --accel tcg`,
        String.raw`  failed run: crashpath show .*/nights/2026-11-03T013000Z/campaign/001`,
        String.raw`  what differs: crashpath diff .*/2026-11-02T013000Z/campaign/001 .*/2026-11-03T013000Z/campaign/001$`,
      ].join('\\n'),
      'm',
    ),
  );
  t.match(stdout, /^fixed: /m);
  t.match(stdout, /corrected for every boundary between campaigns and for 1 cell$/m);
});

t.test('where nothing can have changed, nothing is said of p values', async (t) => {
  const out = t.testdir({});
  const trials = [{ verdict: 'captured' as const }];
  await writeCampaign(out, { path: 'a', at: '2026-01-01T00:00:00Z', trials });
  const one = await crashpathInProcess(['history', '--out', out]);
  t.match(one, { exitCode: 0, stdout: /^failed: not captured/m });
  t.notMatch(one.stdout, /0 cells|^p: /m);
  await writeCampaign(out, { path: 'b', at: '2026-01-02T00:00:00Z', trials });
  t.match((await crashpathInProcess(['history', '--out', out])).stdout, /^p: .* for 1 cell$/m);
});

t.test('--json, one object for each cell', async (t) => {
  const out = await nights(t);
  const { stdout } = await crashpathInProcess(['history', '--json', '--out', out]);
  const [lock, task, ...more] = objects(stdout);
  t.strictSame(more, []);
  t.match(task, { scenario: 'sysrq-task', trend: 'unchanged', changes: [] });
  t.match(lock, {
    trend: 'fixed',
    cells: 2,
    now: { failures: 0, judged: 8, rate: 0 },
    points: { length: 5 },
    changes: [
      { direction: 'rose', at: 2, lastBefore: { label: '6.1.2' }, firstAfter: { label: '6.1.3' } },
      { direction: 'fell', at: 4, sameBuild: false },
    ],
  });
  t.equal(lock?.points[3]?.night, '2026-11-04T013000Z');
});

t.test('cells and campaigns that are chosen', async (t) => {
  const out = await nights(t);
  await writeCampaign(out, {
    path: 'other',
    at: '2026-11-06T00:00:00Z',
    trials: [{ ...LOCK, verdict: 'captured', machine: 'no-ioapic', accel: 'kvm' }],
  });
  const shown = async (...words: string[]) => {
    const { stdout } = await crashpathInProcess(['history', '--json', '--out', out, ...words]);
    return objects(stdout).map(
      ({ scenario, machine = 'default', points }) => `${scenario}/${machine} ${points.length}`,
    );
  };
  t.strictSame(await shown('*lock*'), ['ioapic-lock-held/default 5', 'ioapic-lock-held/no-ioapic 1']);
  t.strictSame(await shown('--machine', 'no-*'), ['ioapic-lock-held/no-ioapic 1']);
  t.strictSame(await shown('--machine', 'default', '--scenario', 's*'), ['sysrq-task/default 5']);
  t.strictSame(await shown('--accel', 'kvm'), ['ioapic-lock-held/no-ioapic 1']);
  t.strictSame(await shown('--kernel', '6.1.4', '*lock*'), ['ioapic-lock-held/default 5']);
  t.strictSame(await shown('--since', '2026-11-04', '--accel', 'tcg'), [
    'ioapic-lock-held/default 2',
    'sysrq-task/default 2',
  ]);
});

t.test('builds that each have a path of their own', async (t) => {
  const out = t.testdir({});
  for (const night of [1, 2]) {
    await writeCampaign(out, {
      path: `c${night}`,
      at: `2026-11-0${night}T00:00:00Z`,
      trials: times(6, {
        build: `build ${night}`,
        spec: `/builds/${night}/bzImage`,
        verdict: night === 2 ? 'capture-reset' : 'captured',
      }),
    });
  }
  const apart = await crashpathInProcess(['history', '--json', '--out', out]);
  t.strictSame(
    objects(apart.stdout).map(({ kernel, trend }) => [kernel, trend]),
    [
      ['/builds/1/bzImage', 'unchanged'],
      ['/builds/2/bzImage', 'unchanged'],
    ],
  );
  const joined = await crashpathInProcess(['history', '--across-kernels', '--json', '--out', out]);
  t.match(objects(joined.stdout), [
    { kernel: '*', trend: 'regressed', changes: [{ at: 1, sameBuild: false }] },
  ]);
});

t.test('a rate that changes with the same build', async (t) => {
  const out = t.testdir({});
  for (const night of [1, 2])
    await writeCampaign(out, {
      path: `c${night}`,
      at: `2026-11-0${night}T00:00:00Z`,
      trials: times(6, { verdict: night === 2 ? 'capture-reset' : 'captured' }),
    });
  const { stdout } = await crashpathInProcess(['history', '--out', out]);
  t.match(stdout, /the build is the same on both sides: something other than the kernel changed/);
});

t.test('exit codes', async (t) => {
  const out = await nights(t);
  const exit = async (...words: string[]) =>
    (await crashpathInProcess(['history', '--out', out, ...words])).exitCode;
  t.equal(await exit('--fail-on', 'regression'), 0, 'it is fixed since');
  await rm(join(out, 'nights/2026-11-05T013000Z'), { recursive: true });
  t.equal(await exit('--fail-on', 'regression'), 1);
  t.equal(await exit(), 0, 'it is shown');
  t.equal(await exit('sysrq-task', '--fail-on', 'regression'), 0);
  await writeCampaign(out, {
    path: 'void',
    at: '2026-11-06T00:00:00Z',
    trials: [{ scenario: 'never', verdict: 'void' }],
  });
  t.equal(await exit('never'), 2);
  t.equal(await exit(), 0);
});

t.test('mistakes', async (t) => {
  const out = await nights(t);
  const refused = async (words: string[], says: RegExp) => {
    const { exitCode, stdout, stderr } = await crashpathInProcess(['history', ...words]);
    t.equal(exitCode, 64, words.join(' '));
    t.equal(stdout, '');
    t.match(stderr, says);
  };
  await refused(['--out', out, 'ioapic-lock-hold'], /no cell fits; did you mean "ioapic-lock-held"\?/);
  await refused(['--out', out, 'ioapic-lock-held/stabel'], /did you mean "ioapic-lock-held\/stable"\?/);
  await refused(['--out', out, 'zzzzzzzzz*'], /no cell fits; see crashpath history/);
  await refused(['--out', out, '--machine', 'q35'], /history of "--machine q35": no cell fits/);
  await refused(['--out', out, '--since', 'tomorrow'], /--since "tomorrow": it is no time/);
  await refused(['--out', out, '--accel', 'hvf'], /--accel/);
  await refused(['--out', join(out, 'none')], /there is no such directory/);
  await refused(['--out', out, '--rebuild=yes'], /--rebuild takes no value/);
  const empty = join(out, 'empty');
  await mkdir(empty);
  const { exitCode, stderr } = await crashpathInProcess(['history', '--out', empty]);
  t.equal(exitCode, 2);
  t.match(stderr, /no trials in/);
});

t.test('times', async (t) => {
  const now = Date.parse('2026-11-27T12:00:00Z');
  t.equal(since(undefined, now), undefined);
  t.equal(since('2d', now)?.toISOString(), '2026-11-25T12:00:00.000Z');
  t.equal(since('12h', now)?.toISOString(), '2026-11-27T00:00:00.000Z');
  t.equal(since('2026-11-01', now)?.toISOString(), '2026-11-01T00:00:00.000Z');
  t.equal(since('2026-11-01T06:00+01:00', now)?.toISOString(), '2026-11-01T05:00:00.000Z');
  for (const bad of ['', '2026-13-01', '1', 'd', '-1d', '2026-11-01T06:00', '1e3d'])
    t.throws(() => since(bad, now), { name: 'Fault', kind: 'usage' });
});

t.test('names of directories, scenarios and kernels are printed harmlessly', async (t) => {
  const out = t.testdir({});
  for (const night of [1, 2])
    await writeCampaign(out, {
      path: `c${night}${HOSTILE}`,
      at: `2026-11-0${night}T00:00:00Z`,
      trials: times(6, {
        scenario: `s${HOSTILE}`,
        kernel: `k${HOSTILE}`,
        spec: `/p${HOSTILE}`,
        verdict: night === 2 ? 'capture-reset' : 'captured',
      }),
    });
  const { stdout } = await crashpathInProcess(['history', '--out', out]);
  // eslint-disable-next-line no-control-regex -- control characters are the point
  t.notMatch(stdout, /[^\n\x20-\x7e]/);
  t.match(stdout, /regressed: s\\x1b\[2J/);
});
