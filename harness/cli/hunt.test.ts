import { join } from 'node:path';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import t from 'tap';
import { scratch } from '../testing/files.js';
import { guestsOf, type MadeHost, madeHost } from '../testing/builders/command-host.js';

t.setTimeout(300_000);

const huntWords = (host: MadeHost, ...more: string[]) => [
  ...['hunt', 'sysrq-task', '--kernel', host.kernel, '--accel', 'tcg', '--jobs', '1', '--out', 'runs'],
  ...['--name', 'h', ...more],
];
/** What was printed about the hunt: the last line. */
const lastLine = (stdout: string): unknown => JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');

t.test('it ends with the first run that it searches for, says so, and what to do next', async (t) => {
  const host = await madeHost(t);
  // Every run on this host is a harness error: its QEMU ends at once.
  const ended = await host.crashpath(
    // A hunt keeps its guest without --keep-failed.
    huntWords(host, '--find', 'capture-hang,harness-error', '--trials', '5', '--keep-minutes', '30'),
  );
  t.equal(ended.exitCode, 1, 'found');
  t.equal((await guestsOf(host)).length, 1, 'no other guest was started');
  t.match(ended.stdout, /^1 capture-hang or harness-error in 1 trial, ended by the last of them: 100 %/m);
  t.match(ended.stdout, /^001-sysrq-task-6\.1\.0-1-amd64: harness-error\/\S+: \S/m);
  t.match(ended.stdout, /^ {2}crashpath show runs\/h\/001-\S+\n {2}crashpath autopsy runs\/h\/001-/m);
  const again = await host.crashpath(['hunt', '--resume', 'runs/h', '--json']);
  t.equal(again.exitCode, 1);
  t.match(lastLine(again.stdout), { kind: 'hunt', found: 1, trials: 1, left: 0, run: { runId: /^001-/ } });
  t.equal((await guestsOf(host)).length, 1, 'what is found is found');
});

t.test('room for a guest is asked for by a hunt that has not found one yet, and by no other', async (t) => {
  const host = await madeHost(t);
  // The guest of another run, or of this hunt, as its supervisor answers for it.
  const up = await scratch(t);
  const answer = JSON.stringify({ pid: 1, supervisor: 1, leftMs: 60_000 });
  const supervisor = createServer((client) => client.end(`${answer}\n`)).listen(join(up, 'keep.sock'));
  t.teardown(() => supervisor.close());
  const found = ['--find', 'harness-error', '--trials', '2'];
  t.equal((await host.crashpath(huntWords(host, ...found))).exitCode, 1);
  await mkdir(join(host.cache, 'kept'), { recursive: true });
  await writeFile(join(host.cache, 'kept/1-1.json'), JSON.stringify({ directory: up, memoryMiB: 768 }));
  const again = await host.crashpath(['hunt', '--resume', 'runs/h']);
  t.equal(again.exitCode, 1, again.stderr);
  t.match(again.stdout, /^1 harness-error in 1 trial/m);
  const other = await host.crashpath(
    huntWords(host, ...found).map((word) => (word === 'h' ? 'other' : word)),
  );
  t.equal(other.exitCode, 64);
  t.match(other.stderr, /cannot keep the guest that is found: 1 of 1 are up already/);
  t.strictSame(await readdir(join(host.here, 'runs')), ['.crashpath-store.json', 'h'], 'nothing is written');
});

t.test('nothing found: the count, and no exit code of success without a judged trial', async (t) => {
  const host = await madeHost(t);
  const ended = await host.crashpath(huntWords(host, '--trials', '3', '--json'));
  t.equal(ended.exitCode, 3, 'all were harness errors');
  t.match(lastLine(ended.stdout), {
    ...{ schema: 1, kind: 'hunt', verdicts: ['crash-path-hang', 'purgatory-hang', 'capture-hang'] },
    ...{ found: 0, trials: 0, undecided: 3, run: null, left: 0, exitCode: 3 },
  });
  t.equal((await guestsOf(host)).length, 3);
  // As a kill leaves it.
  await rm(join(host.here, 'runs/h/results.jsonl'));
  await rm(join(host.here, 'runs/h/002-sysrq-task-6.1.0-1-amd64/verdict.json'));
  const resumed = await host.crashpath(['hunt', '--resume', 'runs/h']);
  t.match(resumed.stderr, /^h: 2 of at most 3 trials have ended$/m);
  t.equal((await guestsOf(host)).length, 4);
});

t.test('run --until-hang gives a line for each cell, and remembers it', async (t) => {
  const host = await madeHost(t);
  const words = [
    'run',
    'sysrq-task',
    'no-trigger',
    '-k',
    host.kernel,
    '--accel',
    'tcg',
    '--jobs',
    '1',
    '--no-clone',
  ];
  const ended = await host.crashpath([
    ...words,
    '--until-hang',
    '2',
    '--repeat',
    '3',
    '--name',
    'u',
    '--json',
  ]);
  t.equal(ended.exitCode, 3);
  t.match(lastLine(ended.stdout), {
    kind: 'found',
    cells: [{ scenario: 'sysrq-task', until: 2, undecided: 3 }, { scenario: 'no-trigger' }],
  });
  const order = (await guestsOf(host)).map(
    (guest) => /\d+-(sysrq-task|no-trigger)/.exec(guest[1] ?? '')?.[1],
  );
  const turn = ['sysrq-task', 'no-trigger'];
  t.strictSame(order, [...turn, ...turn, ...turn], 'the scenarios in turns');
  const again = await host.crashpath(['run', '--resume', 'runs/u', '--until-hang', '3']);
  t.equal(again.exitCode, 64, 'a campaign keeps what it was started with');
  const resumed = await host.crashpath(['run', '--resume', 'runs/u']);
  t.match(resumed.stdout, /^sysrq-task on .*: no trial was judged; 3 runs not judged$/m);
});

t.test('mistakes', async (t) => {
  const host = await madeHost(t);
  const refused = async (says: RegExp, ...words: string[]) => {
    const { exitCode, stderr } = await host.crashpath(words);
    t.equal(exitCode, 64, words.join(' '));
    t.match(stderr, says);
  };
  await refused(/--for "0h": it is not from 1s to 999999d; write/, ...huntWords(host, '--for', '0h'));
  await refused(/no scenario is named/, 'hunt', '-k', host.kernel);
  await refused(/no kernel is given/, 'hunt', 'sysrq-task');
  await refused(/--find "captures": it is none of/, ...huntWords(host, '--find', 'captures'));
  await refused(/--for "8": it is no time with a unit; write e\.g\. 90s/, ...huntWords(host, '--for', '8'));
  await refused(/--trials "0"/, ...huntWords(host, '--trials', '0'));
  await refused(/cannot hunt on host "box"/, ...huntWords(host, '--host', 'box'));
  await refused(/--jobs "many"/, 'hunt', 'sysrq-task', '-k', host.kernel, '--jobs', 'many');
  await refused(/a hunt keeps what it was started with/, 'hunt', '--resume', 'runs/h', '--trials', '9');
  await host.crashpath(['run', 'sysrq-task', '-k', host.kernel, '--accel', 'tcg', '--name', 'r', '--quiet']);
  await refused(/cannot resume hunt "runs\/r": it is no hunt/, 'hunt', '--resume', 'runs/r');
  t.equal((await guestsOf(host)).length, 1, 'no guest was started by a mistake');
});
