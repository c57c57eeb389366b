import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { RunResultSchema } from '../model/result.js';
import { RunPlanSchema } from '../plan/run-plan.js';
import { guestsOf, madeHost, runWords } from '../testing/builders/command-host.js';
import { treeOf } from '../testing/files.js';

// Many commands, one after the other.
t.setTimeout(600_000);

async function planOf(directory: string) {
  return RunPlanSchema.parse(JSON.parse(await readFile(join(directory, 'plan.json'), 'utf8')));
}

/** Takes a line apart as a shell does. */
async function shellWords(line: string): Promise<string[]> {
  const { stdout } = await execa('sh', ['-c', `printf '%s\\0' ${line}`]);
  return stdout.split('\0').slice(0, -1);
}

t.test('--dry-run prints what is then really run, and runs nothing', async (t) => {
  const host = await madeHost(t);
  const options = ['--repeat', '2', '--append', `quiet "it's" $HOME`, '--jobs', '1'];
  const dry = await host.crashpath(runWords(host, '--dry-run', ...options));
  t.equal(dry.exitCode, 0);
  t.strictSame(await treeOf(host.here), [], 'no run directory');
  t.strictSame(await guestsOf(host), [], 'no guest');
  const lines = dry.stdout.trimEnd().split('\n');
  t.equal(lines.length, 2, 'one line a run, and nothing else');

  const real = await host.crashpath(runWords(host, ...options, '--name', 'c', '--json'));
  t.equal(real.exitCode, 3, 'a QEMU that does not start is a harness error');
  const guests = await guestsOf(host);
  t.equal(guests.length, 2);
  for (const [index, line] of lines.entries()) {
    const words = await shellWords(line);
    t.equal(words[0], host.qemu);
    t.strictSame(words.slice(1), guests[index], 'the words that QEMU got');
    const directory = join(host.here, 'runs/c', `00${index + 1}-sysrq-task-6.1.0-1-amd64`);
    t.strictSame(words.slice(1), (await planOf(directory)).qemu.args, 'the words of the plan');
  }
});

t.test('--json: results only on stdout; --quiet: nothing on stderr', async (t) => {
  const host = await madeHost(t);
  const ended = await host.process(runWords(host, '--json', '--quiet', '--name', 'c'));
  t.equal(ended.exitCode, 3);
  t.equal(ended.stderr, '');
  const lines = ended.stdout.trimEnd().split('\n');
  t.equal(lines.length, 1);
  const result = RunResultSchema.parse(JSON.parse(lines[0] ?? ''));
  t.match(result, { verdict: 'harness-error', outcome: 'harness-error', campaign: 'c' });

  const listed = await host.crashpath(['list', 'runs', '--json']);
  t.strictSame(JSON.parse(listed.stdout), {
    campaign: 'c',
    runId: result.runId,
    verdict: 'harness-error',
    outcome: 'harness-error',
  });
  const shown = await host.crashpath(['show', result.runId, '--json']);
  t.match(JSON.parse(shown.stdout), { plan: { runId: result.runId }, result: { verdict: 'harness-error' } });
  const judged = await host.crashpath(['classify', result.directory, '--json']);
  t.strictSame(RunResultSchema.parse(JSON.parse(judged.stdout)), result);
});

t.test('a stopped campaign continues where it stopped', async (t) => {
  const host = await madeHost(t);
  await host.crashpath(runWords(host, '--repeat', '3', '--jobs', '1', '--name', 'c', '--quiet'));
  const runs = join(host.here, 'runs/c');
  // As kill -9 leaves them: one run has no verdict, one not even a plan, one was never begun.
  const first = join(runs, '001-sysrq-task-6.1.0-1-amd64');
  await rm(join(first, 'verdict.json'));
  const second = join(runs, '002-sysrq-task-6.1.0-1-amd64');
  await rm(second, { recursive: true });
  await mkdir(second);
  await rm(join(runs, '003-sysrq-task-6.1.0-1-amd64'), { recursive: true });
  await rm(join(runs, 'results.jsonl'));

  const left = await host.crashpath(['run', '--resume', 'runs/c', '--dry-run']);
  t.equal(left.exitCode, 0);
  t.match(
    left.stdout,
    /-name crashpath-001-\S+\.2 .*\n.*-name crashpath-002-\S+\.2 .*\n.*-name crashpath-003-/,
  );
  const before = (await guestsOf(host)).length;
  const ended = await host.crashpath(['run', '--resume', 'runs/c', '--json']);
  t.equal(ended.exitCode, 3);
  t.equal((await guestsOf(host)).length - before, 3);
  const ids = ended.stdout
    .trimEnd()
    .split('\n')
    .map((line) => RunResultSchema.parse(JSON.parse(line)).runId)
    .sort();
  t.strictSame(ids, [
    '001-sysrq-task-6.1.0-1-amd64.2',
    '002-sysrq-task-6.1.0-1-amd64.2',
    '003-sysrq-task-6.1.0-1-amd64',
  ]);
  const listed = await host.crashpath(['list', 'runs']);
  t.match(listed.stdout, /c\/002-sysrq-task-6\.1\.0-1-amd64 {2}no plan \(cut off, or damaged\)/);
  const nothing = await host.crashpath(['run', '--resume', 'runs/c']);
  t.match(nothing.stderr, /^c: 0 of 3 runs left$/m);
  t.equal(nothing.exitCode, 3, 'the code of all its results');
});

t.test('a run that has ended is not lost, whichever of its files was written', async (t) => {
  const host = await madeHost(t);
  await host.crashpath(runWords(host, '--repeat', '4', '--jobs', '1', '--name', 'c', '--quiet'));
  const runs = join(host.here, 'runs/c');
  const nameOf = (number: number) => `00${number}-sysrq-task-6.1.0-1-amd64`;
  const path = join(runs, 'results.jsonl');
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  t.equal(lines.length, 4);
  // The first lost its verdict, the second its line; the third has a part of a line and no verdict, the fourth nothing.
  await rm(join(runs, nameOf(1), 'verdict.json'));
  await rm(join(runs, nameOf(3), 'verdict.json'));
  await rm(join(runs, nameOf(4)), { recursive: true });
  await writeFile(path, `${lines[0]}\n${lines[2]?.slice(0, 50)}`);
  const before = await readFile(path, 'utf8');
  const dry = await host.crashpath(['run', '--resume', 'runs/c', '--dry-run']);
  t.equal(dry.stdout.trimEnd().split('\n').length, 2);
  t.equal(await readFile(path, 'utf8'), before, 'a dry run repairs nothing');

  const ended = await host.crashpath(['run', '--resume', 'runs/c', '--json']);
  t.match(ended.stderr, /^c: 2 of 4 runs left$/m);
  const runIds = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => RunResultSchema.parse(JSON.parse(line)).runId);
  t.strictSame(runIds(ended.stdout).sort(), [`${nameOf(3)}.2`, nameOf(4)]);
  t.strictSame(
    runIds(await readFile(path, 'utf8')).sort(),
    [nameOf(1), nameOf(2), `${nameOf(3)}.2`, nameOf(4)],
    'each run has one line',
  );
  t.strictSame(
    JSON.parse(await readFile(join(runs, nameOf(1), 'verdict.json'), 'utf8')),
    { ...JSON.parse(lines[0] ?? ''), directory: join(runs, nameOf(1)) },
    'the verdict is there again',
  );
  await rm(join(runs, 'report.html'));
  // What was killed while it wrote the report, and what still writes it.
  await writeFile(join(runs, 'report.html.999999999.3.tmp'), '<');
  await writeFile(join(runs, `report.html.${process.ppid}.3.tmp`), '<');
  const again = await host.crashpath(['run', '--resume', 'runs/c']);
  t.match(again.stderr, /^c: 0 of 4 runs left$/m);
  const tree = await treeOf(runs);
  t.ok(tree.includes('report.html'), 'and so is the report');
  t.strictSame(
    tree.filter((name) => name.endsWith('.tmp')),
    [`report.html.${process.ppid}.3.tmp`],
  );
});

t.test('what is stored may be missing, damaged or newer', async (t) => {
  const host = await madeHost(t);
  await host.crashpath(runWords(host, '--name', 'c', '--quiet'));
  const run = 'runs/c/001-sysrq-task-6.1.0-1-amd64';
  const copy = async (name: string) => {
    await cp(join(host.here, run), join(host.here, name), { recursive: true });
    return join(host.here, name);
  };
  const fails = async (words: readonly string[], exitCode: number, message: RegExp) => {
    const ended = await host.crashpath(words);
    t.match(ended, { exitCode, stdout: '' });
    t.match(ended.stderr, /^crashpath: cannot [^\n]+; [^\n]+\n$/, 'one line');
    t.match(ended.stderr, message);
  };
  await writeFile(join(await copy('torn'), 'plan.json'), '{"schema": 1, "camp');
  await writeFile(join(await copy('newer'), 'plan.json'), '{"schema": 2}');
  const odd = await copy('odd');
  await rm(join(odd, 'console.bin'));
  await mkdir(join(odd, 'console.bin'));
  await mkdir(join(host.here, 'empty'));
  for (const command of ['show', 'classify']) {
    await fails([command, 'torn'], 64, /run ".*torn": it has no valid plan\.json/);
    await fails([command, 'newer'], 64, /its plan\.json has schema 2, this crashpath reads 1/);
    await fails([command, 'empty'], 64, /it is neither a run's directory nor the name of a run/);
  }
  await fails(['classify', 'odd'], 3, /cannot read recording ".*console\.bin": it is a directory/);
  await fails(['run', '--resume', run], 64, /it has no valid campaign\.json/);
  await writeFile(join(host.here, 'runs/c/campaign.json'), 'not JSON');
  await fails(['run', '--resume', 'runs/c'], 64, /cannot read campaign ".*runs\/c": it has no valid/);
  await writeFile(join(host.here, 'runs/c/campaign.json'), '{"schema": 9}');
  await fails(['run', '--resume', 'runs/c'], 64, /its campaign\.json has schema 9, this crashpath reads 1/);
  await fails(runWords(host, '--name', 'c'), 64, /cannot create campaign "c": it exists already/);

  const cut = await copy('cut');
  await rm(join(cut, 'verdict.json'));
  await writeFile(join(cut, 'host.jsonl'), 'not JSON\n');
  const judged = await host.crashpath(['classify', 'cut']);
  t.match(judged.stderr, /^no verdict was stored: the run was cut off/);
  t.equal(judged.exitCode, 3, 'a run that was cut off says nothing about the kernel');
});
