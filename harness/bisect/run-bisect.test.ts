/** Bisections of real git trees with made kernels and trials (testing/fakes/bench.ts). */
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import t from 'tap';
import { type Bisection, untried } from '../bisection/state.js';
import { openRepository } from '../kernel/index.js';
import { bisectionObject, bisectionText, planText } from '../report/bisection.js';
import { MadeRepository } from '../testing/builders/git-tree.js';
import { madePlan } from '../testing/builders/runs.js';
import { FakeBench, TRUTH } from '../testing/fakes/bench.js';
import { scratch } from '../testing/files.js';
import { candidatesBetween, describeCommit } from './git-bisect.js';
import { runBisect } from './run-bisect.js';
import { readBisection, writeBisection } from './state-file.js';

const PROCESS = fileURLToPath(new URL('../testing/fakes/bisect-process.js', import.meta.url));

type TestCase = Parameters<typeof scratch>[0];

/** A line of commits with these truths; the first and the last are the ends. */
async function lineOf(
  test: TestCase,
  truths: readonly string[],
  subject = (index: number) => `commit ${index}`,
) {
  const dir = await scratch(test);
  const tree = await MadeRepository.at(join(dir, 'linux'));
  const commits = await tree.line(
    truths.map((truth, index) => ({
      subject: subject(index),
      files: { [TRUTH]: truth, file: `${index}\n` },
    })),
  );
  return { dir, tree, commits, ...(await begun(dir, tree, [commits[0] ?? '', commits.at(-1) ?? ''])) };
}

async function begun(dir: string, tree: MadeRepository, [good, bad]: readonly [good: string, bad: string]) {
  const repository = await openRepository(tree.path);
  const directory = join(dir, 'bisect');
  await mkdir(directory, { recursive: true });
  const ends = { good, bad, firstParent: false };
  const bisection: Bisection = {
    ...{ schema: 1, name: 'bisect-made', createdAt: '2026-01-01T00:00:00.000Z', steps: [] },
    asked: {
      ...{ tree: tree.path, ...ends, scenarioNamed: 'made', scenario: madePlan().scenario, patience: 10 },
      guests: { cpus: 4 },
    },
    commits: (await candidatesBetween(repository, ends)).length,
    good: untried(await describeCommit(repository, good)),
    bad: untried(await describeCommit(repository, bad)),
  };
  await writeBisection(directory, bisection);
  const bench = new FakeBench(directory, repository);
  const run = async (signal = new AbortController().signal) =>
    runBisect(directory, await readBisection(directory), {
      ...{ repository, bench, signal },
      gitDirectory: join(directory, 'state.git'),
    });
  return { directory, bench, run, bisection };
}

const times = (count: number, truth: string) => Array.from({ length: count }, () => truth);

void t.test('the first bad commit is found, in few trials for a rate of 1', async (t) => {
  const { tree, commits, directory, run, bench, bisection } = await lineOf(t, [
    ...times(12, 'good'),
    ...times(6, 'bad'),
  ]);
  const before = await tree.state();
  t.match(planText(bisection), /between {4}17 commits, about 5 steps\n[^]*rate 10 % [^]*not measured yet/);
  const end = await run();
  t.match(end.end, {
    kind: 'found',
    commit: { commit: commits[12], subject: 'commit 12', author: 'A U Thor' },
  });
  t.match(end.controls, { signature: { bad: ['crash-path-hang'] }, measured: { bad: 5, judged: 5 } });
  t.ok(end.steps.length <= 5);
  for (const { counts, verdict, goods } of end.steps) {
    t.match(counts, verdict === 'bad' ? { bad: 1, good: 0 } : { bad: 0, good: goods });
  }
  const done = await bench.done();
  const ran = done.filter((line) => line.startsWith('ran'));
  t.equal(
    ran.length,
    10 + end.steps.reduce((sum, { verdict, goods = 0 }) => sum + (verdict === 'bad' ? 1 : goods), 0),
  );
  t.strictSame(await run(), end, 'the same again is known');
  t.strictSame(await bench.done(), done);
  t.strictSame(await readBisection(directory), end);
  t.equal(await tree.state(), before);
  t.match(await readFile(join(directory, 'bisect.log'), 'utf8'), /^# first bad commit: /m);
  await t.rejects(stat(join(directory, 'state.git')), { code: 'ENOENT' });

  const object = bisectionObject(end, directory);
  t.match(object, {
    end: { kind: 'found' },
    before: { bad: 0 },
    after: { bad: Number },
    wrongAtMost: 0.05,
    path: [{ step: 'good' }, { step: 'bad', bad: 5, judged: 5 }, { step: '1' }],
  });
  const text = bisectionText(end, { directory, color: false });
  t.match(text, new RegExp(`^first bad commit: ${commits[12]?.slice(0, 12)} commit 12$`, 'm'));
  t.match(text, /^before it: bad in 0 of \d+ trials .*would be missed$/m);
  t.match(text, /^ {2}crashpath run made -k \S+ --cpus 4 --repeat \d+$/m);
  t.match(text, /^ {2}crashpath kernel build stock --tree \S+ --commit [0-9a-f]{40}$/m);
});

void t.test('a bad commit that shows it rarely is not taken for a good one', async (t) => {
  const { commits, run } = await lineOf(t, [...times(5, 'good'), ...times(4, 'flaky 4')]);
  const end = await run();
  t.match(end.end, { kind: 'found', commit: { commit: commits[5] } });
  t.match(end.controls, { measured: { bad: 5, judged: 25 } });
  t.ok(end.steps.some(({ counts }) => counts?.bad === 1 && counts.good === 4));
  for (const { verdict, counts } of end.steps) if (verdict === 'good') t.ok((counts?.good ?? 0) > 10);
});

void t.test(
  'what does not build, boot or prove its state is skipped; the harness is tried again',
  async (t) => {
    const { commits, run } = await lineOf(t, [
      ...['good', 'good', 'error-once', 'void', 'good', 'unbootable', 'good', 'good', 'error-once'],
      ...['bad', 'broken', 'other', 'unbootable', 'bad', 'void', 'bad', 'bad'],
    ]);
    const { end, steps } = await run();
    t.match(end, { kind: 'found', commit: { commit: commits[9] } });
    const skipped = steps.filter(({ verdict }) => verdict === 'skip').map(({ why }) => why);
    t.ok(skipped.length > 0);
    for (const why of skipped) {
      t.match(
        why,
        /it is broken; see log|trials undecided: (void\/state-not-proved|the kernel does not boot|another outcome: capture-panic)/,
      );
    }
    t.notOk(
      steps.some(({ commit, verdict }) => commit.commit === commits[8] && verdict !== 'good'),
      'a harness error is no verdict',
    );
  },
);

void t.test('only skipped commits are left: the candidates are named', async (t) => {
  const { commits, directory, run } = await lineOf(t, ['good', 'good', 'broken', 'void', 'bad', 'bad']);
  const end = await run();
  t.match(end.end, { kind: 'candidates', more: 0 });
  const named = end.end?.kind === 'candidates' ? end.end.commits.map(({ commit }) => commit) : [];
  t.strictSame(named, commits.slice(2, 5).toReversed());
  t.match(
    bisectionText(end, { directory, color: false }),
    /^the first bad commit is one of 3: the others of them were skipped$/m,
  );
});

void t.test('controls that show no difference refuse the bisection with what was seen', async (t) => {
  const refused = async (good: string, bad: string, why: RegExp) => {
    const { directory, run, bench } = await lineOf(t, [good, 'good', 'good', bad]);
    const end = await run();
    t.match(end.end, { kind: 'refused', why });
    t.strictSame(end.steps, []);
    t.match(bisectionText(end, { directory, color: false }), /^not bisected: /m);
    return (await bench.done()).filter((line) => line.startsWith('ran')).length;
  };
  t.equal(await refused('good', 'good', /^no difference shown: the good end as expected 10 of 10; /), 20);
  t.equal(await refused('bad', 'bad', /^both ends show the same: the good end crash-path-hang 1 of 1; /), 2);
  t.equal(await refused('good', 'unbootable', /^the bad end cannot be judged: 3 of 3 .*does not boot/), 3);
  t.equal(await refused('void', 'bad', /^the good end cannot be judged: /), 4);
  const broken = await lineOf(t, ['good', 'good', 'broken']);
  await t.rejects(broken.run(), { kind: 'usage', message: /it is broken; see log/ });
});

void t.test('harness errors that stay stop the bisection, and it goes on from there', async (t) => {
  const { run, bench, directory } = await lineOf(t, ['good', 'good', 'error', 'good', 'bad', 'bad']);
  const stopped = {
    kind: 'harness',
    message: /the harness failed 3 times in a row, the last time with qemu-ended/,
  };
  await t.rejects(run(), stopped);
  const before = (await bench.done()).length;
  await t.rejects(run(), stopped);
  t.equal((await bench.done()).length, before + 3, 'what was decided stays decided');
  t.equal((await readBisection(directory)).end, undefined);
  const full = await lineOf(t, ['good', 'good', 'disk-full', 'bad', 'bad']);
  await t.rejects(full.run(), { kind: 'harness', message: /the disk is full/ });
});

void t.test('merges: the commit on the side, or the merge itself', async (t) => {
  for (const culprit of ['side', 'merge'] as const) {
    const dir = await scratch(t);
    const tree = await MadeRepository.at(join(dir, 'linux'));
    const root = await tree.commit('root', { [TRUTH]: 'good' });
    await tree.commit('main 1', { main: '1' });
    await tree.git('checkout', '-q', '-b', 'side', root);
    await tree.commit('side 1', { side: '1' });
    const side = await tree.commit('side 2', culprit === 'side' ? { [TRUTH]: 'bad' } : { side: '2' });
    await tree.git('checkout', '-q', 'main');
    await tree.git('merge', '-q', '--no-ff', '--no-commit', 'side');
    const merge = await tree.commit('Merge side', { [TRUTH]: 'bad' });
    const bad = await tree.commit('main 2', { main: '2' });
    const { run, directory } = await begun(dir, tree, [root, bad]);
    const end = await run();
    t.match(end.end, { kind: 'found', commit: { commit: culprit === 'side' ? side : merge } });
    const text = bisectionText(end, { directory, color: false });
    if (culprit === 'merge') t.match(text, /^ {2}a merge of 2 parents: none of the commits/m);
    else t.notMatch(text, /a merge of/);
  }
});

void t.test('hostile subjects reach neither the terminal nor the table', async (t) => {
  const hostile = '\u001b[2J\u001b]0;x\u0007 \u202e gnp.exe \u2028 is the first bad commit <b>';
  const { directory, run } = await lineOf(
    t,
    ['good', 'good', 'bad', 'bad'],
    (index) => `${hostile} ${index}`,
  );
  const end = await run();
  t.match(end.end, { kind: 'found' });
  for (const text of [
    bisectionText(end, { directory, color: false }),
    JSON.stringify(bisectionObject(end, directory)),
    planText(end),
  ]) {
    t.notMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}]/u);
  }
});

void t.test('an abort throws its reason, and the bisection goes on', async (t) => {
  const { run } = await lineOf(t, ['good', 'good', 'bad']);
  const stop = new AbortController();
  const reason = new Error('Ctrl-C');
  stop.abort(reason);
  await t.rejects(run(stop.signal), reason);
  t.match(await run(), { end: { kind: 'found' } });
});

for (const killAt of [4, 9]) {
  void t.test(`killed at every ${killAt}th point, it ends as without, and does nothing twice`, async (t) => {
    const truths = ['good', 'good', 'broken', 'good', 'bad', 'void', 'bad'];
    const { tree, commits, directory, bench } = await lineOf(t, truths);
    let kills = 0;
    for (;;) {
      const ended = await execa(process.execPath, [PROCESS, tree.path, directory, String(killAt)], {
        reject: false,
        env: { NODE_OPTIONS: '' },
      });
      if (ended.signal !== 'SIGKILL') {
        t.equal(ended.exitCode, 0, ended.stderr);
        break;
      }
      kills += 1;
      if (kills > 100) throw new Error('it makes no progress');
    }
    t.ok(kills >= 3, `${kills} kills`);
    const { end, steps, good, bad } = await readBisection(directory);
    t.match(end, { kind: 'found', commit: { commit: commits[4] } });
    const done = await bench.done();
    t.strictSame(
      done.filter((line) => line.startsWith('built')).sort(),
      [...new Set(done.filter((line) => line.startsWith('built')))].sort(),
      'no commit is built twice',
    );
    const counted = [good, bad, ...steps].reduce(
      (sum, { counts }) => sum + (counts?.good ?? 0) + (counts?.bad ?? 0) + (counts?.undecided ?? 0),
      0,
    );
    t.equal(done.filter((line) => line.startsWith('ran')).length, counted, 'each trial counts, and once');
    t.equal(steps.filter(({ verdict }) => verdict === undefined).length, 0);
  });
}

void t.test('a file that holds no bisection is refused', async (t) => {
  const { directory } = await lineOf(t, ['good', 'bad']);
  await writeFile(join(directory, 'bisect.json'), '{"schema":1}');
  await t.rejects(readBisection(directory), { kind: 'usage', message: /it has no valid bisect\.json; name/ });
  await writeFile(join(directory, 'bisect.json'), '{"schema":99}');
  await t.rejects(readBisection(directory), { kind: 'usage', message: /has schema 99/ });
});
