import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { installedReleases } from '../../kernel/index.js';
import { makeDeb } from '../../testing/builders/kernels.js';
import { madeHost } from '../../testing/builders/command-host.js';
import { treeOf } from '../../testing/files.js';

/** Without the kernels of the host that runs the test. */
const cachedOnly = (stdout: string) => stdout.replace(/^installed:.*\n/gm, '');

// Many commands, one after the other.
t.setTimeout(600_000);

t.test('proposals for the shell', async (t) => {
  const host = await madeHost(t);
  const packages = join(host.kernel, 'packages');
  await mkdir(packages);
  const deb = await makeDeb(packages, { name: 'linux-image-6.1.0-1-amd64', version: '6.1.1-1' });
  t.equal((await host.crashpath(['kernel', 'show', deb])).exitCode, 0);
  const { stdout: listed } = await host.crashpath(['kernel', 'list', '--json']);
  const { spec }: { spec: string } = JSON.parse(listed);
  const asked = async (...typed: string[]) => {
    const ended = await host.crashpath(['--get-yargs-completions', 'crashpath', ...typed]);
    t.equal(ended.exitCode, 0);
    t.equal(ended.stderr, '');
    return cachedOnly(ended.stdout).split('\n').slice(0, -1);
  };
  t.strictSame(await asked('im'), ['image']);
  t.strictSame(await asked('run', 'sysrq-t'), ['sysrq-task']);
  const afterRun = await asked('run', '');
  t.ok(['no-trigger', 'sysrq-task', '--kernel', '--dry-run'].every((word) => afterRun.includes(word)));
  t.notOk(afterRun.includes('--scenario'), 'a positional is no option');
  t.strictSame(await asked('run', '--ca'), [
    '--capture-kernel',
    '--capture-append',
    '--capture-cmdline',
    '--campaign',
  ]);
  for (const option of ['-k', '--kernel', '--capture-kernel']) {
    t.strictSame(await asked('run', 'sysrq-task', option, ''), [spec]);
  }
  t.strictSame(await asked('run', '--accel', 't'), ['tcg']);
  t.strictSame(await asked('hunt', '--no-'), ['--no-clone'], 'what is on can be switched off');
  t.strictSame(await asked('hunt', '--jobs', ''), ['auto']);
  t.strictSame(await asked('list', 'r'), ['runs']);
  t.strictSame(await asked('kernel', ''), [
    ...['show', 'list', 'available', 'rm', 'build', 'variants', 'crash-points'],
  ]);
  t.strictSame(await asked('kernel', 'rm', ''), [spec, '--builds']);
  t.strictSame(await asked('kernel', 'show', '--j'), ['--json']);
  t.strictSame(await asked('read', ''), [], 'the shell completes names of files');
  t.strictSame(await asked('read', '--j'), ['--json']);
  t.strictSame(await asked('constructor', ''), []);
  t.strictSame(await asked('kernel', 'constructor', ''), []);

  const before = await treeOf(host.cache);
  await asked('kernel', 'rm', '6.1.0-1-amd64');
  await asked('kernel', 'rm', '6.1.0-1-amd64', '');
  await asked('run', 'sysrq-task', '-k', host.kernel, '');
  t.strictSame(await treeOf(host.cache), before, 'what is being typed is not carried out');
  t.strictSame(await treeOf(host.here), []);
});

t.test('kernels are listed without reading their images', async (t) => {
  const host = await madeHost(t);
  const packages = join(host.kernel, 'packages');
  await mkdir(packages);
  const deb = await makeDeb(packages, { name: 'linux-image-6.1.0-1-amd64', version: '6.1.1-1' });
  const shown = await host.crashpath(['kernel', 'show', deb, '--json']);
  const { bzImage }: { bzImage: string } = JSON.parse(shown.stdout);
  const { stdout: listed } = await host.crashpath(['kernel', 'list', '--json']);
  const { spec }: { spec: string } = JSON.parse(listed);
  // Opening a FIFO without a writer never returns.
  await rm(bzImage);
  await execa('mkfifo', [bzImage]);
  const words = ['--get-yargs-completions', 'crashpath', 'run', 'sysrq-task', '-k', ''];
  const ended = await host.crashpath(words);
  t.strictSame(
    { ...ended, stdout: cachedOnly(ended.stdout) },
    { exitCode: 0, stdout: `${spec}\n`, stderr: '' },
  );
});

t.test('installed kernels are proposed where a kernel is wanted', async (t) => {
  const host = await madeHost(t);
  const asked = async (...typed: string[]) =>
    (await host.crashpath(['--get-yargs-completions', 'crashpath', ...typed])).stdout
      .split('\n')
      .slice(0, -1);
  const installed = (await installedReleases({})).map((release) => `installed:${release}`);
  t.strictSame(await asked('run', 'sysrq-task', '-k', 'installed:'), installed);
  t.strictSame(await asked('kernel', 'show', 'installed:'), installed);
  t.strictSame(await asked('kernel', 'rm', 'installed:'), [], 'they are not in the cache');
});

t.test('a colon splits words in bash', async (t) => {
  const host = await madeHost(t);
  const from = await host.process(['--get-yargs-completions', 'crashpath', 'list', 'ru', ':', 'x']);
  t.strictSame(from, { exitCode: 0, stdout: '', stderr: '' });
});

t.test('the script is one that bash understands, and asks crashpath', async (t) => {
  const host = await madeHost(t);
  const script = await host.process(['completion'], { SHELL: '/bin/bash' });
  t.equal(script.exitCode, 0);
  t.match(script.stdout, /--get-yargs-completions/);
  const bash = await execa('bash', ['--norc', '-c', `${script.stdout}\ncomplete -p crashpath`], {
    env: { PATH: `${join(host.here)}:${process.env['PATH'] ?? ''}` },
  });
  t.match(bash.stdout, /^complete .* crashpath$/);
});

t.test(
  'the shell of the script can be named; one that has none is refused before anything is printed',
  async (t) => {
    const host = await madeHost(t);
    const script = async (shell: string) => host.process(['completion', shell], { SHELL: '/bin/sh' });
    t.match(await script('bash'), { exitCode: 0, stdout: /complete -o .* crashpath/, stderr: '' });
    t.match(await script('zsh'), { exitCode: 0, stdout: /^#compdef crashpath/, stderr: '' });
    t.match(await host.process(['completion', 'bash', 'x']), { exitCode: 64, stdout: '' });
    t.match(await host.process(['completion'], { SHELL: '/usr/bin/fish' }), { exitCode: 64, stdout: '' });
    t.match(await script('fish'), {
      exitCode: 64,
      stdout: '',
      stderr: /cannot print .* "fish": .*bash and zsh/,
    });
  },
);
