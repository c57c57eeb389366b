import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { RunResultSchema } from '../model/result.js';
import { RunPlanSchema } from '../plan/run-plan.js';
import { guestsOf, madeHost } from '../testing/builders/command-host.js';
import { treeOf } from '../testing/files.js';

// Many commands, one after the other.
t.setTimeout(600_000);

// One host for all: its images are packed once.
const host = await madeHost(t);
let files = 0;

/**
 * Writes a campaign file of two kernels, which are one, with a scenario of its own beside it, into a directory of its
 * own; returns the file's path, relative to the working directory.
 */
async function campaignFile(changes: (text: string) => string = (text) => text): Promise<string> {
  files += 1;
  const directory = `files-${files}`;
  await mkdir(join(host.here, directory));
  const text = `version: 1
name: made
summary: made by a test
kernels:
  one: ${host.kernel}
  two: { spec: ${host.kernel}, append: nosmt }
repeat: 2
jobs: 1
scenarios:
  - name: sysrq-task
    why: the control
    expect:
      one: { verdict: captured, quality: clean, why: it works }
  - name: ./own.yaml
    repeat: 1
    kernels: [two]
`;
  await writeFile(join(host.here, directory, 'campaign.yaml'), changes(text));
  const own = [
    'version: 1',
    'name: own',
    'summary: own',
    'trigger: { kind: sysrq, key: c }',
    'expect: { verdict: captured }',
  ];
  await writeFile(join(host.here, directory, 'own.yaml'), own.join('\n'));
  return `${directory}/campaign.yaml`;
}

function words(file: string, ...more: string[]): string[] {
  return ['run', '--campaign', file, '--accel', 'tcg', ...more];
}

const RUNS = [
  '001-sysrq-task-one',
  '002-sysrq-task-two',
  '003-own-two',
  '004-sysrq-task-one',
  '005-sysrq-task-two',
];

t.test('cells in rounds, each plan with what it is judged by, then the table', async (t) => {
  const file = await campaignFile();
  const before = (await guestsOf(host)).length;
  const dry = await host.crashpath(words(file, '--dry-run'));
  t.equal(dry.exitCode, 0, dry.stderr);
  t.strictSame(
    dry.stdout.match(/crashpath-\d{3}-\S+/g),
    RUNS.map((run) => `crashpath-${run}`),
  );
  t.equal((await guestsOf(host)).length, before, 'nothing is run');
  t.strictSame(await treeOf(host.here), ['files-1', 'files-1/campaign.yaml', 'files-1/own.yaml']);

  const ended = await host.process(words(file, '--name', 'table'));
  t.equal(ended.exitCode, 3, 'a QEMU that does not start is a harness error');
  const directory = join(host.here, 'runs/table');
  const plans = await Promise.all(
    RUNS.map(async (run) =>
      RunPlanSchema.parse(JSON.parse(await readFile(join(directory, run, 'plan.json'), 'utf8'))),
    ),
  );
  t.strictSame(plans[0]?.cell, {
    kernel: 'one',
    why: 'the control',
    expect: { verdict: 'captured', quality: 'clean', why: 'it works' },
  });
  t.strictSame(plans[4]?.cell, { kernel: 'two', why: 'the control', expect: { verdict: 'captured' } });
  t.match(plans[4], { trial: 2, append: /nosmt$/ });
  t.strictSame(plans[2]?.cell, { kernel: 'two', expect: { verdict: 'captured' } });
  t.match(ended.stdout, /^SCENARIO +one +two$/m);
  t.match(ended.stdout, /^sysrq-task +2 harness-error +2 harness-error$/m);
  t.match(ended.stdout, /^ +harness error \[1\] +harness error$/m);
  t.match(ended.stdout, /^own +- +1 harness-error$/m);
  t.match(ended.stdout, /^sysrq-task: the control\n {2}\[1\] one: it works$/m);
  t.match(ended.stdout, /^ {2}own x two: 1 harness-error, expected captured$/m);
  t.match(ended.stdout, /^3 cells: 3 harness error\n5 runs: .*5 harness error\n$/m);
  t.match(ended.stderr, /^progress: 3 of 3 cells, 5 of 5 runs$/m);
  t.match(ended.stderr, /^progress: 0 of 3 cells, 1 of 5 runs; about \d+ s left$/m);
  const page = await readFile(join(directory, 'report.html'), 'utf8');
  t.match(page, 'Scenarios against kernels');
});

t.test('--json: a line for each run, then one for the table, which is kept as well', async (t) => {
  const file = await campaignFile();
  const ended = await host.crashpath(words(file, '--name', 'json', '--json', '--quiet'));
  t.equal(ended.stderr, '');
  const lines = ended.stdout.trimEnd().split('\n');
  const table: unknown = JSON.parse(lines.pop() ?? '');
  const results = lines.map((line) => RunResultSchema.parse(JSON.parse(line)));
  t.strictSame(
    results.map(({ cell, expected }) => [cell?.kernel, expected]),
    [
      ['one', 'captured (clean)'],
      ['two', 'captured'],
      ['two', 'captured'],
      ['one', 'captured (clean)'],
      ['two', 'captured'],
    ],
  );
  t.match(table, { kind: 'campaign', campaign: 'json', exitCode: 3, kernels: ['one', 'two'] });
  const kept: unknown = JSON.parse(await readFile(join(host.here, 'runs/json/cells.json'), 'utf8'));
  t.strictSame(kept, table);
  const judged = await host.crashpath(['classify', results[0]?.directory ?? '', '--json']);
  t.strictSame(RunResultSchema.parse(JSON.parse(judged.stdout)), results[0], 'judged again by the same');
});

t.test('names narrow the file down, --repeat scales it', async (t) => {
  const file = await campaignFile();
  const before = (await guestsOf(host)).length;
  const runsOf = async (...more: string[]) =>
    (await host.crashpath(words(file, '--dry-run', ...more))).stdout.match(/crashpath-\d{3}-\S+/g);
  t.strictSame(await runsOf('./own.yaml', '--repeat', '2'), [
    'crashpath-001-own-two',
    'crashpath-002-own-two',
  ]);
  t.strictSame(await runsOf('-k', 'one'), ['crashpath-001-sysrq-task-one', 'crashpath-002-sysrq-task-one']);
  const named = await host.crashpath(words(file, 'no-trigger'));
  t.equal(named.exitCode, 64);
  t.match(named.stderr, /its file has no scenario of that name; it has sysrq-task, \.\/own\.yaml/);
  const kernel = await host.crashpath(words(file, '-k', host.kernel));
  t.match(kernel.stderr, /its file has no kernel of that name; it has one, two/);
  t.equal((await guestsOf(host)).length, before);
});

t.test('a stopped campaign continues with its cells', async (t) => {
  const file = await campaignFile();
  await host.crashpath(words(file, '--name', 'stopped', '--quiet'));
  const directory = join(host.here, 'runs/stopped');
  await rm(join(directory, '005-sysrq-task-two'), { recursive: true });
  await rm(join(directory, '003-own-two/verdict.json'));
  const results = join(directory, 'results.jsonl');
  const lines = (await readFile(results, 'utf8')).split('\n');
  await writeFile(results, lines.filter((line) => !line.includes('"003-own-two"')).join('\n'));
  await rm(join(host.here, file));
  const ended = await host.crashpath(['run', '--resume', 'runs/stopped']);
  t.equal(ended.exitCode, 3);
  t.match(ended.stderr, /^stopped: 2 of 5 runs left$/m);
  t.match(ended.stderr, /^progress: 3 of 3 cells, 5 of 5 runs$/m);
  t.match(ended.stdout, /^sysrq-task +2 harness-error +2 harness-error$/m, 'with what ended before');
  t.match(ended.stdout, /^own +- +1 harness-error$/m);
  t.ok((await readdir(directory)).includes('003-own-two.2'));
  const again = await host.crashpath(['run', '--resume', 'runs/stopped']);
  t.match(again.stdout, /^3 cells: 3 harness error$/m, 'the table, with nothing left to run');
});

t.test('options cannot override the file', async (t) => {
  const file = await campaignFile();
  const before = (await guestsOf(host)).length;
  const refused = async (says: RegExp, ...more: string[]) => {
    const ended = await host.crashpath(words(file, ...more));
    t.match(ended, { exitCode: 64, stdout: '' });
    t.match(ended.stderr, /^crashpath: cannot [^\n]+; [^\n]+\n$/, 'one line');
    t.match(ended.stderr, says);
  };
  await refused(
    /cannot run campaign file "files-\d+\/campaign\.yaml" with --append --cpus: the file describes its guests/,
    '--cpus',
    '1',
    '--append',
    'x',
  );
  await refused(/with --capture-kernel:/, '--capture-kernel', host.kernel);
  await refused(/with --machine:/, '--machine', 'q35');
  await refused(/cannot resume "x" with --campaign/, '--resume', 'x');
  t.equal((await guestsOf(host)).length, before);
});

t.test('mistakes in the file are found before anything runs', async (t) => {
  const refused = async (what: string, says: RegExp, change: (text: string) => string) => {
    const file = await campaignFile(change);
    const before = (await guestsOf(host)).length;
    const ended = await host.crashpath(words(file));
    t.match(ended, { exitCode: 64, stdout: '' }, what);
    t.match(ended.stderr, /^crashpath: cannot [^\n]+; [^\n]+\n$/, `${what}: one line`);
    t.match(ended.stderr, says, what);
    t.equal((await guestsOf(host)).length, before, `${what}: nothing is run`);
  };
  await refused(
    'an unknown scenario',
    /"files-\d+\/campaign\.yaml:10:5": .*cannot find scenario "sysrq-tusk": .*did you mean "sysrq-task"/,
    (text) => text.replace('sysrq-task', 'sysrq-tusk'),
  );
  await refused(
    'a scenario file that is missing',
    /"files-\d+\/campaign\.yaml:14:5": .*no such file/i,
    (text) => text.replace('own.yaml', 'other.yaml'),
  );
  await refused('a cell that does not exist', /campaign\.yaml:13:14": there is no kernel "three"/, (text) =>
    text.replace('      one:', '      three:'),
  );
  await refused('an unknown kernel', /no-such-kernel/, (text) =>
    text.replace(/two: \{ spec: [^,]+/, 'two: { spec: /no-such-kernel'),
  );
  for (const file of ['missing.yaml', '.', '/dev/null']) {
    const ended = await host.crashpath(['run', '--campaign', file]);
    t.match(ended, { exitCode: 64, stdout: '' }, file);
    t.match(ended.stderr, /^crashpath: cannot read campaign file "[^\n]+; [^\n]+\n$/, file);
  }
});
