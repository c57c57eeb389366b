import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import {
  backgroundScript,
  mistakeInScript,
  requireParsed,
  shellRunning,
  startStimulus,
} from './guest-script.js';
import type { ScriptEnd, Target } from './target.js';

/** The guest's shell is busybox's; the host's is another one where there is no busybox. */
const SHELL = existsSync('/usr/bin/busybox') ? ['/usr/bin/busybox', 'sh'] : ['/bin/sh'];

const directory = mkdtempSync(join(tmpdir(), 'stimulus-'));
t.teardown(() => rmSync(directory, { recursive: true }));

/** Runs a script as the guest does: from its channel into a shell. */
function shell(script: string): ScriptEnd {
  const [program = '', ...words] = SHELL;
  const options = { input: `{\n${script}\n} 2>&1`, cwd: directory, encoding: 'utf8' } as const;
  const { status, stdout } = spawnSync(program, words, options);
  return { status: status ?? -1, output: stdout };
}

/** A guest with a shell; a failed requirement ends it. */
const target: Pick<Target, 'runScript' | 'require'> = {
  runScript: async (script) => shell(script),
  require({ proved, what, saw }) {
    if (!proved) throw new Error(`${what} (${saw})`);
  },
};

/** The output of a started script, once it is the expected one; else its last state. */
async function written(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  const content = () => (existsSync(path) ? readFileSync(path, 'utf8') : 'nothing');
  for (let left = 200; left > 0 && content() !== text; left -= 1) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return content();
}

t.test('what a stimulus may be, and what it does', async (t) => {
  const sound: [what: string, script: string, does: string][] = [
    ['ends in a comment', 'echo a >F # for ever', 'a\n'],
    ['a # inside quotes is none', `echo 'a # b' "c # d" >F`, 'a # b c # d\n'],
    ['a # inside a word is none', 'echo a#b >F', 'a#b\n'],
    ['a heredoc', 'cat >F <<END\na ) b\nEND\necho c >>F', 'a ) b\nc\n'],
    ['a heredoc that ends the script', 'cat >F <<END\na\nEND', 'a\n'],
    ['quotes, dollars and backslashes as they are', String.raw`printf '%s\n' "\$HOME" >F`, '$HOME\n'],
    ['parentheses that are balanced', '(echo a; (echo b)) >F', 'a\nb\n'],
    ['a comment with a backslash, then a line', '# a \\\necho a >F', 'a\n'],
    ['an escaped backslash at the end', String.raw`echo a >F; : \\`, 'a\n'],
  ];
  for (const [index, [what, script, does]] of sound.entries()) {
    const named = script.replaceAll('F', `file${index}`);
    t.equal(mistakeInScript(named), undefined, what);
    await startStimulus(named, target);
    t.equal(await written(`file${index}`, does), does, what);
  }
});

t.test('a script that the shell cannot parse is void, with its message', async (t) => {
  for (const [script, message] of [
    ['echo (', /syntax error|Syntax error/i],
    ['echo a) ; (echo b', /"?\)"? ?unexpected|unexpected "\)"/],
    ["echo 'a", /unterminated quoted string/i],
    ['while :; do echo a', /unexpected end of file|end of file unexpected/i],
  ] as const) {
    await t.rejects(startStimulus(script, target), message, script);
    await t.rejects(
      startStimulus(script, target),
      /^Error: the guest's shell can parse the stimulus|can parse/,
    );
  }
});

t.test('what needs no shell to be refused', async (t) => {
  t.equal(mistakeInScript(''), 'has no command');
  t.equal(mistakeInScript(' \n# only a comment\n'), 'has no command');
  for (const script of ['echo a \\', 'echo a \\\n', 'echo a \\\\\\']) {
    t.match(mistakeInScript(script), /ends in a backslash/, JSON.stringify(script));
  }
  t.equal(mistakeInScript('echo a \\\\'), undefined, 'an escaped backslash');
  t.equal(mistakeInScript('echo \\\n a'), undefined, 'a line that goes on');
  await t.rejects(requireParsed('# only', 'it', target), /it has no command/);
});

t.test('lines behind a stimulus are not part of it', async (t) => {
  const { status, output } = shell(`${backgroundScript('sleep 0 # (')}\necho behind\nexit 3`);
  t.strictSame({ status, output }, { status: 3, output: 'behind\n' });
});

t.test('a script in which the guest is to die has a shell of its own, and its status counts', async (t) => {
  const script = 'echo one # (\nexit 3';
  t.strictSame(shell(shellRunning(script, { cpu: undefined })), { status: 3, output: 'one\n' });
  t.strictSame(shell(shellRunning('no-such-program', { cpu: undefined })).status, 127);
  t.match(shellRunning('true', { cpu: 5 }), /^taskset 20 sh -c /);
  t.strictSame(
    shell(shellRunning('taskset -p $$', { cpu: 0 }))
      .output.trim()
      .endsWith(' 1'),
    true,
  );
});
