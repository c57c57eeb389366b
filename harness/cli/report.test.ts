import { createReadStream } from 'node:fs';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { madeHost, type MadeHost } from '../testing/builders/command-host.js';
import { madeNight } from '../testing/builders/reports.js';
import { TESTDATA } from '../testing/recordings/fixtures.js';
import { readPlan, saveOutcome } from '../store/run-directory.js';
import { rejudge } from '../store/rejudge.js';

t.setTimeout(600_000);

const RUNS = ['captured-6.1', 'crash-path-hang-spin', 'void-not-proved'];

/** A host with a directory `night` of two campaigns, the first with three recorded runs. */
async function hostWithRuns(t: Test): Promise<MadeHost> {
  const host = await madeHost(t);
  const campaign = join(host.here, 'night', 'first');
  const plans: unknown[] = [];
  for (const name of RUNS) {
    await cp(join(TESTDATA, name), join(campaign, name), { recursive: true });
    const { scenario, ...plan } = await readPlan(join(campaign, name));
    // A recording's own expectation is what it shows.
    plans.push({ ...plan, runId: name, scenario: { ...scenario, expect: { verdict: 'captured' } } });
    await writeFile(join(campaign, name, 'plan.json'), JSON.stringify(plans.at(-1)));
    await saveOutcome(join(campaign, name), await rejudge(join(campaign, name)));
  }
  const file = { schema: 1, name: 'first', createdAt: '2026-11-27T01:30:00.000Z' };
  await writeFile(join(campaign, 'campaign.json'), JSON.stringify({ ...file, plans }));
  await mkdir(join(host.here, 'night', 'second'));
  await writeFile(
    join(host.here, 'night', 'second', 'campaign.json'),
    JSON.stringify({ ...file, name: 'second', plans: plans.slice(0, 1) }),
  );
  return host;
}

t.test('a run, a campaign and a directory of campaigns', async (t) => {
  const host = await hostWithRuns(t);
  const plan = async (...words: string[]) => {
    const { stdout, stderr, exitCode } = await host.crashpath(['report', '--format', 'ktap', ...words]);
    t.equal(stderr, '');
    t.equal(exitCode, 0);
    return stdout.split('\n').filter((line) => /^ *(not )?ok /.test(line));
  };
  t.strictSame(await plan('night/first/captured-6.1'), [
    '    ok 1 trial 1',
    '  ok 1 6.1.0-56-amd64',
    'ok 1 captured-6-1',
  ]);
  t.equal((await plan('night/first')).filter((line) => line.includes(' trial ')).length, 3);
  const all = await plan('night');
  t.equal(all.filter((line) => line.includes(' trial ')).length, 4);
  t.match(all.join('\n'), /# SKIP not run: the campaign was stopped before it/);
});

t.test('several formats at once, each into its file', async (t) => {
  const host = await hostWithRuns(t);
  const formats = ['html', 'junit', 'tap', 'kcidb', 'markdown'];
  const words = formats.flatMap((format) => ['--format', format, '-o', `${format}.out`]);
  const ended = await host.crashpath(['report', 'night/first', ...words, '--origin', 'my_ci']);
  t.match(ended, { exitCode: 0, stdout: '', stderr: '' });
  const begins = [
    '<!doctype html>',
    '<?xml version="1.0"',
    'TAP version 14\n',
    '{\n "version"',
    '# crashpath',
  ];
  for (const [index, format] of formats.entries()) {
    const written = await readFile(join(host.here, `${format}.out`), 'utf8');
    t.ok(written.startsWith(begins[index] ?? '?'), format);
  }
});

t.test("a night's verdicts.json decides; one that cannot be used is refused", async (t) => {
  const host = await hostWithRuns(t);
  const path = join(host.here, 'night', 'verdicts.json');
  const made = madeNight();
  const cells = made.cells.map((cell) => ({
    ...cell,
    runs: cell.word === 'regressed' ? ['first/crash-path-hang-spin'] : [],
  }));
  await writeFile(path, JSON.stringify({ ...made, cells }));
  const { stdout } = await host.crashpath(['report', 'night', '--format', 'markdown']);
  t.match(stdout, /^# crashpath night 2026-11-27T013000Z$/m);
  t.match(stdout, /^## regressed: lock-held on broken$/m);
  t.match(stdout, /^- run `crash-path-hang-spin`: crash-path-hang\/spin/m);
  for (const [bad, says] of [
    ['{', /verdicts\.json": it is not a readable JSON file; crashpath nightly writes/],
    ['[]', /expected object/],
    [JSON.stringify({ ...made, schema: 99 }), /it has schema 99, this crashpath reads 1/],
    [JSON.stringify({ ...made, night: 7 }), /night: .*expected string/],
    [JSON.stringify({ ...made, colour: 'red' }), /colour/],
  ] as const) {
    await writeFile(path, bad);
    const ended = await host.crashpath(['report', 'night', '--format', 'markdown']);
    t.match(ended, {
      exitCode: 64,
      stdout: '',
      stderr: /^crashpath: cannot read the night's verdicts ".*": /,
    });
    t.match(ended.stderr, says);
  }
});

t.test('without verdicts that can be read a night is not judged as a campaign', async (t) => {
  const host = await hostWithRuns(t);
  const words = ['report', 'night', '--format', 'tap'];
  const path = join(host.here, 'night', 'verdicts.json');
  t.match(await host.crashpath(words), { exitCode: 0 }, 'two campaigns, no night');
  await symlink('nowhere', path);
  t.match(await host.crashpath(words), { exitCode: 64, stderr: /it is not a readable JSON file/ }, 'a link');
  await rm(path);
  await execa('mkfifo', [path]);
  t.match(await host.process(words), { exitCode: 64, stderr: /it is not a readable JSON file/ }, 'a pipe');
  await rm(path);
  await writeFile(join(host.here, 'night', 'night.json'), '{}');
  t.match(await host.crashpath(words), { exitCode: 64, stdout: '', stderr: /the night has not ended/ });
});

t.test('a run without a verdict says why; pipes in its place are not waited for', async (t) => {
  const host = await hostWithRuns(t);
  const run = join(host.here, 'night', 'first', 'captured-6.1');
  const path = join(run, 'verdict.json');
  const verdict = await readFile(path, 'utf8');
  const said = async () => {
    const { stdout } = await host.process(['report', 'night/first', '--format', 'ktap']);
    return /no verdict: [^\n]*/.exec(stdout)?.[0];
  };
  t.equal(await said(), undefined);
  await writeFile(path, verdict.replace(/"schema": ?1\b/, '"schema":7'));
  t.equal(await said(), 'no verdict: its verdict.json has schema 7, this crashpath reads 1');
  t.match((await host.crashpath(['list', 'runs', '--out', 'night'])).stdout, /captured-6\.1 +no verdict/);
  await writeFile(path, verdict.slice(0, 100));
  t.equal(await said(), 'no verdict: it has no valid verdict.json');
  t.match((await host.crashpath(['classify', run])).stderr, /^no verdict was stored: it has no valid/);
  await rm(path);
  t.equal(await said(), 'no verdict: the run was cut off');
  for (const name of ['verdict.json', 'plan.json', 'console.bin']) {
    await rm(join(run, name), { force: true });
    await execa('mkfifo', [join(run, name)]);
  }
  t.match(await host.process(['report', 'night/first', '--format', 'ktap']), { exitCode: 0 });
  t.match(await host.process(['list', 'runs', '--out', 'night']), { exitCode: 0 });
  t.match(await host.process(['history', '--out', 'night']), { exitCode: 0 });
  t.match(await host.process(['show', run]), { exitCode: 64, stderr: /it has no valid plan\.json/ });
});

t.test('a sweep that has ended has no run that is left', async (t) => {
  const host = await hostWithRuns(t);
  const words = ['report', 'night/second', '--format', 'ktap'];
  t.match((await host.crashpath(words)).stdout, /# SKIP not run: the campaign was stopped/);
  await cp(join(host.here, 'night/first/captured-6.1'), join(host.here, 'night/second/a-0000'), {
    recursive: true,
  });
  await writeFile(join(host.here, 'night', 'second', 'map.json'), '{}');
  const { stdout } = await host.crashpath(words);
  t.match(stdout, /^1\.\.1\n/m);
  t.notMatch(stdout, /not run/);
});

t.test('a lone dash is stdout', async (t) => {
  const host = await hostWithRuns(t);
  for (const dash of [['-o', '-'], ['--output', '-'], ['-o=-']]) {
    const ended = await host.crashpath(['report', 'night/first', '--format', 'tap', ...dash]);
    t.match(ended, { exitCode: 0, stdout: /^TAP version 14\n/, stderr: '' }, dash.join(' '));
  }
  const ended = await host.crashpath([
    ...['report', 'night/first', '--format', 'junit', '-o', 'x', '--format', 'ktap', '-o', '-'],
  ]);
  t.match(ended, { exitCode: 0, stdout: /^KTAP version 1\n/ });
  t.match(await host.crashpath(['report', 'night/first', '--format', 'tap', '-o', '-x']), {
    exitCode: 64,
    stderr: /it needs a value/,
  });
});

t.test('GitHub: annotations on stdout, the summary to the step or to a file', async (t) => {
  const host = await hostWithRuns(t);
  const step = join(host.here, 'step.md');
  await writeFile(step, 'a line left open');
  const words = ['report', 'night/first', '--format', 'github'];
  const inStep = await host.crashpath(words, { GITHUB_STEP_SUMMARY: step });
  t.match(inStep.stdout, /^(::(error|warning) title=crashpath.*\n)+$/);
  t.match(await readFile(step, 'utf8'), /^a line left open\n# crashpath first\n/);
  const alone = await host.crashpath(words, { GITHUB_STEP_SUMMARY: '' });
  t.match(alone.stdout, /^::[^]*\n# crashpath first\n/);
  await host.crashpath([...words, '-o', 'own.md'], { GITHUB_STEP_SUMMARY: step });
  t.match(await readFile(join(host.here, 'own.md'), 'utf8'), /^# crashpath first\n/);
  t.equal((await readFile(step, 'utf8')).match(/# crashpath first/g)?.length, 1);
});

t.test('mistakes', async (t) => {
  const host = await hostWithRuns(t);
  for (const [words, says] of [
    [['night', '--format', 'junitt'], /junit/],
    [['night'], /--format/],
    [['night', '--format', 'tap', '--format', 'tap'], /it is given twice/],
    [['night', '--format', 'tap', '--format', 'ktap'], /2 --format and 0 --output/],
    [['night', '--format', 'tap', '-o', 'a', '-o', 'b'], /1 --format and 2 --output/],
    [['night', '--format', 'tap', '-o', 'a', '--format', 'ktap', '-o', 'a'], /two formats would go there/],
    [['night', '--format', 'tap', '-o', 'a', '--format', 'ktap', '-o', './a'], /"\.\/a": two formats/],
    [['night', '--format', 'tap', '-o', '-', '--format', 'ktap', '-o', '-'], /"-": two formats/],
    [
      ['night', '--format', 'github', '-o', 'a', '--format', 'tap', '-o', '-'],
      /annotations of github go there/,
    ],
    [['night', '--format', 'kcidb'], /give --origin/],
    [['night', '--format', 'kcidb', '--origin', 'My CI'], /small letters/],
    [['night', '--format', 'tap', '--origin', 'x'], /only kcidb has an origin/],
    [['nowhere', '--format', 'tap'], /neither a run, nor a campaign, nor a night/],
    [['.', '--format', 'tap', '-o', 'x'], /neither a run/],
  ] as const) {
    const ended = await host.crashpath(['report', ...words]);
    t.match(ended, { exitCode: 64, stdout: '', stderr: says }, words.join(' '));
  }
  const ended = await host.crashpath(['report', 'night', '--format', 'tap', '-o', 'no/such/file']);
  t.match(ended, { exitCode: 3, stderr: /^crashpath: cannot write the report "no\/such\/file": .*ENOENT/ });
});

t.test('a pipe is written to, a link to a file stays one', async (t) => {
  const host = await hostWithRuns(t);
  const pipe = join(host.here, 'pipe');
  await execa('mkfifo', [pipe]);
  const [read] = await Promise.all([
    text(createReadStream(pipe)),
    host.process(['report', 'night/first', '--format', 'tap', '-o', pipe]),
  ]);
  t.match(read, /^TAP version 14\n/);
  await writeFile(join(host.here, 'target'), 'old');
  await symlink('target', join(host.here, 'link'));
  await host.crashpath(['report', 'night/first', '--format', 'tap', '-o', 'link']);
  t.match(await readFile(join(host.here, 'target'), 'utf8'), /^TAP version 14\n/);
});

t.test(
  'of a sweep, runs that were cut off and repeated are not reported, nor is its first plan',
  async (t) => {
    const host = await madeHost(t);
    const sweep = join(host.here, 'sweep');
    const scenario = 'crash-locks-002-itself';
    const cutOff = { verdict: 'harness-error', detail: 'interrupted', outcome: 'harness-error' };
    const runs: [string, object][] = [
      ['a-002-itself-6.1', cutOff],
      ['a-002-itself-6.1.2', cutOff],
      ['a-002-itself-6.1.10', { verdict: 'crash-path-hang', detail: 'spin', outcome: 'unexpected' }],
      ['b-002-itself-6.1', cutOff],
    ];
    const from = join(TESTDATA, 'captured-6.1');
    const { scenario: given, ...plan } = await readPlan(from);
    for (const [runId, result] of runs) {
      await cp(from, join(sweep, runId), { recursive: true });
      const planned = { ...plan, runId, scenario: { ...given, name: scenario } };
      await writeFile(join(sweep, runId, 'plan.json'), JSON.stringify(planned));
      const { result: judged } = await rejudge(join(sweep, runId));
      await writeFile(join(sweep, runId, 'verdict.json'), JSON.stringify({ ...judged, runId, ...result }));
    }
    const first = { ...plan, runId: '001-first', scenario: { ...given, name: 'crash-locks-record-1' } };
    const campaign = { schema: 1, name: 'sweep', createdAt: '2026-11-27T01:30:00.000Z', plans: [first] };
    await writeFile(join(sweep, 'campaign.json'), JSON.stringify(campaign));
    const { stdout, stderr } = await host.crashpath(['report', 'sweep', '--format', 'junit']);
    t.equal(stderr, '');
    t.match(stdout, /tests="2" failures="0" errors="1"/, 'the last of those that were all cut off');
    t.match(stdout, /a-002-itself-6\.1\.10/);
    t.notMatch(stdout, /a-002-itself-6\.1\.2|001-first/);
  },
);
