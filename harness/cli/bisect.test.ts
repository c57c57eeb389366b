/** The words of `crashpath bisect` and `bisect-step`: mistakes, --dry-run, exit codes. No guest runs. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { madeHost } from '../testing/builders/command-host.js';
import { MadeRepository } from '../testing/builders/git-tree.js';
import { treeOf } from '../testing/files.js';

t.setTimeout(600_000);

t.test('mistakes of bisect are one line, before anything is written', async (t) => {
  const host = await madeHost(t);
  const tree = await MadeRepository.at(join(host.here, '..', 'linux'));
  const [good = '', bad = ''] = await tree.line(
    ['good', 'middle', 'bad'].map((subject) => ({ subject, files: { Makefile: subject } })),
  );
  await tree.git('tag', 'first', good);
  const ends = ['--good', 'first', '--bad', 'main', '--tree', tree.path];
  const refused = async (given: readonly string[], why: RegExp) => {
    const ended = await host.crashpath(['bisect', ...given]);
    t.match(ended, { exitCode: 64, stdout: '' });
    t.match(ended.stderr, /^crashpath: cannot [^\n]+; [^\n]+\n$/, 'one line');
    t.match(ended.stderr, why);
  };
  await refused(['sysrq-task'], /--tree is missing/);
  await refused(ends, /the scenario is missing/);
  await refused(['sysrq-task', '--tree', tree.path, '--bad', 'main'], /--good is missing/);
  await refused(['sysrq-task', ...ends.slice(0, 4), '--tree', '/nonexistent'], /git tree "\/nonexistent"/);
  await refused(
    ['sysrq-task', ...ends.slice(2), '--good', 'v9'],
    /cannot use --good "v9": .* has no such commit/,
  );
  await refused(['sysrq-task', ...ends, '--config', '/nonexistent'], /config fragment "\/nonexistent"/);
  await refused(['sysrq-taks', ...ends], /did you mean "sysrq-task"/);
  await refused(
    ['sysrq-task', '--good', 'main', '--bad', 'first', '--tree', tree.path],
    /every commit of the bad one is in the good one; are they exchanged\?/,
  );
  await refused(['sysrq-task', ...ends, '--host', 'box'], /cannot bisect with --host "box"/);
  await refused(
    ['sysrq-task', ...ends, '--machine-profile', 'q35', '--machine-profile', 'no-ioapic'],
    /on several machines/,
  );
  await refused(
    ['--resume', host.here, '--cpus', '4'],
    /with --cpus: a bisection keeps what it was started with/,
  );
  await refused(
    ['--resume', host.here],
    /it has no valid bisect\.json; name the directory of a crashpath bisect/,
  );
  await refused(['sysrq-task', ...ends, '--first-parent=yes'], /--first-parent takes no value/);

  const dry = await host.crashpath(['bisect', 'sysrq-task', ...ends, '--dry-run']);
  t.match(dry, { exitCode: 0 });
  t.match(dry.stdout, new RegExp(`^good +${good.slice(0, 12)} good$`, 'm'));
  t.match(dry.stdout, /^between +2 commits, about 1 step$/m);
  t.match(dry.stdout, /^rate 100 % +about 10 trials at the ends; a commit is good after 1 trial /m);
  t.match(dry.stdout, /^rate 10 % /m);
  t.match(dry.stdout, /^time +not measured yet/m);
  t.ok(bad);
  t.strictSame(await treeOf(host.here), []);

  // These commits hold no kernel: an end that does not build is a mistake, and the bisection can go on from there.
  const ended = await host.crashpath(['bisect', 'sysrq-task', ...ends]);
  t.equal(ended.exitCode, 64);
  t.match(ended.stderr, /cannot build commit ".*": it is not the top of a Linux source/);
  const [name = ''] = (await treeOf(join(host.here, 'runs'))).filter((path) =>
    /^bisect-[0-9a-f]{12}$/.test(path),
  );
  t.match(name, /^bisect-/);
  const again = await host.crashpath(['bisect', '--resume', `runs/${name}`]);
  t.match(again, { exitCode: 64, stderr: /it is not the top of a Linux source/ });
  await refused(
    ['sysrq-task', ...ends, '--cpus', '4', '--name', name],
    /it is another bisection; choose another name/,
  );
});

t.test('bisect-step: whatever is no verdict ends git bisect run', async (t) => {
  const host = await madeHost(t);
  const step = (...words: string[]) => host.crashpath(['bisect-step', ...words]);
  const aborts = async (words: readonly string[], why: RegExp) =>
    t.match(await step(...words), { exitCode: 192, stdout: '', stderr: why });
  await aborts([], /no scenario is named/);
  await aborts(['sysrq-task'], /the number of trials is not known; give --trials N, or --bad-rate R/);
  await aborts(['sysrq-task', '--trials', '2', '--bad-rate', '0.5'], /contradict each other/);
  await aborts(['sysrq-task', '--trials', 'x'], /--trials "x"/);
  await aborts(['sysrq-task', '--trials', '1', '--bad', 'void'], /--bad/);
  await aborts(['sysrq-task', '--no-such-option'], /no-such-option/);
  await aborts(['sysrq-task', '--trials', '1', '-k', '/nonexistent'], /\/nonexistent/);
  t.match(await host.crashpath(['--quiet', 'bisect-step']), { exitCode: 192 });
  t.match(await host.process(['bisect-step', 'sysrq-task']), { exitCode: 192 });

  // A QEMU that ends at once is the harness's fault, again and again.
  const dead = await step('sysrq-task', '--trials', '1', '-k', host.kernel, '--accel', 'tcg');
  t.equal(dead.exitCode, 131, dead.stderr);
  t.match(dead.stderr, /the harness failed 3 times in a row/);
});

t.test(
  'bisect-step: a checkout that gives no kernel is skipped, one that is no kernel ends it',
  async (t) => {
    const host = await madeHost(t);
    const words = ['bisect-step', 'sysrq-task', '--bad-rate', '1'];
    t.match(await host.crashpath(words), {
      exitCode: 192,
      stderr: /cannot (read|build from) the source tree/,
    });
    await writeFile(join(host.here, 'Makefile'), 'VERSION = 6\n');
    t.match(await host.crashpath(words), { exitCode: 192 });
  },
);
