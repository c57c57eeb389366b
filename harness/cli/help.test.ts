import { join } from 'node:path';
import t from 'tap';
import { COMMANDS, groupOf } from './words/commands.js';
import { version } from './context.js';
import { madeHost } from '../testing/builders/command-host.js';
import { treeOf } from '../testing/files.js';

// Many commands, one after the other.
t.setTimeout(600_000);

const GROUP_NAMES = Object.keys(COMMANDS).filter((name) => groupOf(name) !== undefined);
/** Every command that a user can type. */
const ALL = Object.keys(COMMANDS).flatMap((name) => [
  [name],
  ...Object.keys(groupOf(name) ?? {}).map((inner) => [name, inner]),
]);

/** The commands among a help's examples; yargs folds what is long, and a folded line is indented. */
function examplesIn(help: string): string[][] {
  const [, section = ''] = help.split('\nExamples:\n');
  const [body = ''] = section.split('\n\n');
  const examples: string[] = [];
  for (const line of body.split('\n')) {
    // The description stands in a second column; a folded example goes on below in the first.
    const [, text = ''] = /^ {2}(\S.*?)(?: {2,}.*)?$/.exec(line) ?? [];
    if (text.startsWith('crashpath ')) examples.push(text);
    else if (text !== '') examples.push(`${examples.pop() ?? ''} ${text}`);
  }
  return examples.map((example) => example.split(/ [<>]/)[0]?.split(/\s+/).slice(1) ?? []);
}

t.test('every command has help with examples that are understood', async (t) => {
  const host = await madeHost(t);
  // No program is found, so that every example ends at once, after it was understood.
  const nowhere = { CRASHPATH_QEMU: '/nonexistent', PATH: join(host.here, 'none') };
  for (const command of [[], ...ALL]) {
    const name = ['crashpath', ...command].join(' ');
    const help = await host.crashpath([...command, '--help']);
    t.equal(help.exitCode, 0, `${name} --help`);
    t.equal(help.stderr, '');
    t.notOk(
      help.stdout.split('\n').some((line) => line.length > 110),
      'lines fit',
    );
    const examples = examplesIn(help.stdout);
    t.ok(examples.length > 0, `${name} has an example`);
    for (const example of examples) {
      t.strictSame(example.slice(0, command.length), command, 'the example is one of this command');
      // Standard input is the test's, and does not end.
      const words = example.map((word) => (word === '-' ? 'none' : word));
      const ended = await host.crashpath(words, nowhere);
      t.notMatch(
        ended.stderr,
        /cannot (understand|use|run) |needs an argument|internal error/,
        `understood: crashpath ${example.join(' ')}`,
      );
    }
  }
  t.strictSame(await treeOf(host.here), []);
});

t.test('the help of crashpath names all commands, exit codes and variables', async (t) => {
  const host = await madeHost(t);
  const { stdout } = await host.crashpath(['--help']);
  for (const name of Object.keys(COMMANDS)) t.match(stdout, new RegExp(`^  crashpath ${name}\\b`, 'm'));
  t.match(stdout, /0 all as expected, 1 an unexpected verdict, 2 only void, 3 harness error, 64 usage/);
  t.match(stdout, /CRASHPATH_CACHE .*CRASHPATH_QEMU .*NO_COLOR/);
  t.strictSame(GROUP_NAMES, ['kernel', 'image', 'distribution']);
});

t.test('messages do not follow the language of the host', async (t) => {
  const host = await madeHost(t);
  const { stdout } = await host.process(['--help'], { LC_ALL: 'de_DE.UTF-8', LANGUAGE: 'de' });
  t.match(stdout, /^Commands:$/m);
});

t.test('--version', async (t) => {
  const host = await madeHost(t);
  t.strictSame(await host.process(['--version']), { exitCode: 0, stdout: `${version()}\n`, stderr: '' });
  t.match(version(), /^\d+\.\d+\.\d+/);
});

t.test('list shows the scenarios', async (t) => {
  const host = await madeHost(t);
  const plain = await host.crashpath(['list']);
  t.match(plain.stdout, /^sysrq-task +sysrq-c from a shell.* \[expects captured\]$/m);
  const json = await host.crashpath(['list', '--json']);
  const lines = json.stdout
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
  const members = plain.stdout
    .trimEnd()
    .split('\n')
    .filter((line) => !/ all \d+ of these:$/.test(line));
  t.equal(lines.length, members.length);
  for (const line of lines) t.match(line, { name: String, summary: String, expect: { verdict: String } });
  const none = await host.crashpath(['list', 'runs']);
  t.strictSame(none, { exitCode: 0, stdout: '', stderr: `no runs in ${host.here}/runs\n` });
});

t.test('doctor: a report as text and as JSON, exit code 3 when runs cannot work', async (t) => {
  const host = await madeHost(t);
  const missing = { CRASHPATH_QEMU: '/nonexistent' };
  const json = await host.process(['doctor', '--json'], missing);
  t.equal(json.exitCode, 3);
  t.equal(json.stderr, '');
  t.match(JSON.parse(json.stdout), {
    status: 'fail',
    checks: [{ name: 'QEMU', status: 'fail', remedy: String }],
  });
  const plain = await host.crashpath(['doctor'], missing);
  t.equal(plain.exitCode, 3);
  t.match(plain.stdout, /QEMU.*\/nonexistent/);
});
