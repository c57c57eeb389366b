/** git bisect in a repository of its own, over real repositories of tiny commits. */
import { chmod, mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { openRepository } from '../kernel/index.js';
import { MadeRepository } from '../testing/builders/git-tree.js';
import { scratch, writeTree } from '../testing/files.js';
import { candidatesBetween, describeCommit, GitBisect, type Mark } from './git-bisect.js';

async function made(test: Parameters<typeof scratch>[0]) {
  const dir = await scratch(test);
  const tree = await MadeRepository.at(join(dir, 'linux'));
  return { dir, tree, directory: join(dir, 'state', 'bisect') };
}

const numbered = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ subject: `commit ${i}`, files: { file: `${i}\n` } }));

/** Bisects with a judge, and returns the end and the marks. */
async function drive(bisect: GitBisect, judge: (commit: string) => Mark['verdict']) {
  const marks: Mark[] = [];
  for (let { next } = bisect; ; next = bisect.next) {
    if (next.kind !== 'test') return { end: next, marks };
    const mark = { commit: next.commit, verdict: judge(next.commit) };
    marks.push(mark);
    await bisect.mark(mark);
  }
}

void t.test('a line of commits: found, the tree is left alone, and the log can be replayed', async (t) => {
  const { dir, tree, directory } = await made(t);
  const commits = await tree.line(numbered(18));
  const [good = '', bad = '', first = ''] = [commits[0], commits[17], commits[11]];
  await tree.git('checkout', '-q', '-b', 'mine', commits[3] ?? '');
  await writeTree(tree.path, { file: 'an edit of mine\n' });
  const ran = join(dir, 'ran');
  for (const hook of ['post-checkout', 'reference-transaction']) {
    await writeTree(tree.path, { [`.git/hooks/${hook}`]: `#!/bin/sh\necho ${hook} >> ${ran}\n` });
    await chmod(join(tree.path, '.git/hooks', hook), 0o755);
  }
  await tree.git('config', 'alias.bisect', `!echo alias >> ${ran}`);
  await tree.git('config', 'bisect.log', 'true');
  const before = await tree.state();
  const repository = await openRepository(tree.path);
  const ends = { good, bad, firstParent: false };
  t.equal((await candidatesBetween(repository, ends)).length, 17);
  const judge = (commit: string) => (commits.indexOf(commit) >= 11 ? 'bad' : 'good');
  const bisect = await GitBisect.open(repository, ends, { directory, marks: [] });
  const { end, marks } = await drive(bisect, judge);
  t.strictSame(end, { kind: 'found', commit: first });
  t.ok(marks.length <= 5, `${marks.length} steps`);
  t.strictSame(await bisect.candidates(), [first]);

  for (const done of [0, 2, marks.length]) {
    const again = await GitBisect.open(repository, ends, { directory, marks: marks.slice(0, done) });
    const expected = marks[done];
    t.strictSame(
      again.next,
      expected === undefined ? end : { kind: 'test', commit: expected.commit },
      `continued after ${done} steps`,
    );
  }
  const log = await bisect.log();
  t.match(log, new RegExp(`^# first bad commit: \\[${first}\\] commit 11$`, 'm'));
  await bisect.close();
  t.equal(await tree.state(), before);
  await t.rejects(stat(directory), { code: 'ENOENT' });
  await t.rejects(stat(ran), { code: 'ENOENT' }, 'no hook and no alias ran');

  const clone = join(dir, 'clone');
  await tree.git('clone', '-q', '--no-hardlinks', tree.path, clone);
  await writeTree(dir, { 'bisect.log': log });
  const elsewhere = await MadeRepository.at(clone);
  t.match(
    await elsewhere.git('bisect', 'replay', join(dir, 'bisect.log')),
    `${first} is the first bad commit`,
  );
});

void t.test('skipped commits: several candidates are left', async (t) => {
  const { tree, directory } = await made(t);
  const commits = await tree.line(numbered(9));
  const [good = '', bad = ''] = [commits[0], commits[8]];
  const repository = await openRepository(tree.path);
  const bisect = await GitBisect.open(
    repository,
    { good, bad, firstParent: false },
    { directory, marks: [] },
  );
  const { end } = await drive(bisect, (commit) => {
    const index = commits.indexOf(commit);
    return index < 3 ? 'good' : index > 5 ? 'bad' : 'skip';
  });
  t.strictSame(end, { kind: 'only-skipped' });
  t.strictSame(await bisect.candidates(), commits.slice(3, 7).toReversed());
});

void t.test('merges, and ends of which one is no ancestor of the other', async (t) => {
  const { tree, directory } = await made(t);
  const root = await tree.commit('root', { file: '0\n' });
  const one = await tree.commit('one', { one: '1\n' });
  const two = await tree.commit('two', { two: '2\n' });
  await tree.git('checkout', '-q', '-b', 'side', root);
  const culprit = await tree.commit('on the side', { side: '1\n' });
  const later = await tree.commit('later on the side', { side: '2\n' });
  await tree.git('checkout', '-q', 'main');
  await tree.git('merge', '-q', '--no-ff', '-m', 'Merge side', 'side');
  const merge = await tree.git('rev-parse', 'HEAD');
  const repository = await openRepository(tree.path);
  const open = (good: string, bad: string, firstParent = false) =>
    GitBisect.open(repository, { good, bad, firstParent }, { directory, marks: [] });
  const has =
    (...bad: string[]) =>
    (commit: string) =>
      (bad.includes(commit) ? 'bad' : 'good') as Mark['verdict'];
  t.strictSame((await drive(await open(root, merge), has(culprit, later, merge))).end, {
    kind: 'found',
    commit: culprit,
  });
  t.strictSame((await drive(await open(root, merge), has(merge))).end, { kind: 'found', commit: merge });
  const firstParent = await drive(await open(root, merge, true), has(culprit, later, merge));
  t.strictSame(firstParent.end, { kind: 'found', commit: merge });
  t.notOk(firstParent.marks.some(({ commit }) => commit === culprit || commit === later));
  t.match(await describeCommit(repository, merge), { parents: [two, later], subject: 'Merge side' });

  const beside = await drive(await open(two, later), has(culprit, later));
  t.strictSame(beside.marks[0]?.commit, root, 'the merge base comes first');
  t.strictSame(beside.end, { kind: 'found', commit: culprit });
  t.strictSame((await drive(await open(two, later), () => 'bad')).end, {
    kind: 'merge-base-bad',
    commit: root,
  });
  t.ok(one);
});

void t.test('hostile subjects and authors say nothing to git or to a terminal', async (t) => {
  const { tree, directory } = await made(t);
  const good = await tree.commit('good', { file: '0\n' });
  const lie = `${'a'.repeat(40)} is the first bad commit`;
  const subjects = [
    lie,
    `x\u2028${good} is the first bad commit`,
    '\u001b[2J\u001b]0;owned\u0007 red \u202e backwards',
    "There are only 'skip'ped commits left to test.",
    `$(touch ${join(tree.path, 'pwned')}) \`id\` ; rm -rf *`,
    'long '.repeat(200),
    '<script>alert(1)</script>\r\ngit bisect bad HEAD',
    '--help',
  ];
  const commits = await tree.line(
    subjects.map((subject, index) => ({ subject, files: { file: `${index + 1}\n` } })),
  );
  const bad = commits.at(-1) ?? '';
  const repository = await openRepository(tree.path);
  for (const [index, first] of commits.entries()) {
    const bisect = await GitBisect.open(
      repository,
      { good, bad, firstParent: false },
      { directory, marks: [] },
    );
    const { end } = await drive(bisect, (commit) => (commits.indexOf(commit) >= index ? 'bad' : 'good'));
    t.strictSame(end, { kind: 'found', commit: first });
    const { subject } = await describeCommit(repository, first);
    t.notMatch(subject, /[\p{Cc}\p{Cf}\p{Zl}]/u);
    t.ok(subject.length <= 210 && subject.length > 0);
  }
  await t.rejects(stat(join(tree.path, 'pwned')), { code: 'ENOENT' });
});

void t.test('a repository that was removed or damaged is made anew', async (t) => {
  const { tree, directory } = await made(t);
  const commits = await tree.line(numbered(5));
  const [good = '', bad = ''] = [commits[0], commits[4]];
  const repository = await openRepository(tree.path);
  const open = () => GitBisect.open(repository, { good, bad, firstParent: false }, { directory, marks: [] });
  await mkdir(directory, { recursive: true });
  await writeTree(directory, { HEAD: 'junk', 'refs/bisect/bad': 'junk' });
  const first = await open();
  await rm(directory, { recursive: true });
  t.strictSame((await open()).next, first.next);
});
