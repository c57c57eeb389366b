import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, utimesSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import t from 'tap';
import yargs, { type Argv } from 'yargs';
import { PACKAGE_ROOT } from './context.js';
import { usageOf, withoutHelpKept } from './keep-no-help.js';

const DIST = join(PACKAGE_ROOT, 'dist');

/** Files of crashpath and names of packages that a compiled file loads before it does anything. */
function loadedBy(file: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [join(DIST, file)];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (files.has(relative(DIST, path))) continue;
    files.add(relative(DIST, path));
    // `import(...)` waits for its command; tsc writes everything else that loads as one of these.
    for (const [, from = ''] of readFileSync(path, 'utf8').matchAll(
      /^(?:import|export)\b(?:[^;'"()]*\bfrom)? *['"]([^'"]+)['"];$/gm,
    )) {
      if (from.startsWith('.')) waiting.push(resolve(path, '..', from));
      else if (!from.startsWith('node:')) packages.add(from);
    }
  }
  return { files, packages };
}

t.test('help, completion and mistakes load only the libraries that parse the command line', async (t) => {
  const { files, packages } = loadedBy('cli/start.js');
  t.strictSame([...packages].sort(), ['fastest-levenshtein', 'yargs', 'yargs/helpers']);
  t.ok(files.has('cli/words/run.js') && files.has('cli/words/kernel.js'), 'words of all commands');
  t.notOk(files.has('prepare/plan-runs.js') || files.has('plan/scenario.js'), 'and not what they do');
  t.strictSame(
    [...files].filter((file) => /^(cli\/actions|prepare)\//.test(file)),
    [],
    'no action',
  );
});

t.test('what --dry-run and mistakes of scenarios and kernels do not need is loaded later', async (t) => {
  const { files, packages } = loadedBy('cli/actions/run-scenarios.js');
  t.ok(packages.has('zod') && files.has('plan/make-plan.js'));
  t.notOk(packages.has('ssh2') || packages.has('iced-x86') || files.has('run/execute-run.js'));
  const run = loadedBy('cli/actions/run-and-report.js');
  t.ok(run.files.has('run/execute-run.js'));
  t.notOk(run.packages.has('ws'), 'a monitor on a Unix socket needs no WebSocket');
  t.notOk(run.packages.has('iced-x86'), 'most runs decode no instruction');
});

t.test('a draft of stacks needs nothing that runs guests', async (t) => {
  const { files, packages } = loadedBy('cli/actions/propose.js');
  t.ok(files.has('stacks/read-stacks.js') && packages.has('yaml'));
  t.notOk(files.has('run/execute-run.js') || packages.has('ssh2') || packages.has('iced-x86'));
});

t.test('the library of the history index is loaded by that command alone', async (t) => {
  t.ok(loadedBy('cli/actions/history.js').packages.has('node-sqlite3-wasm'));
  for (const action of ['list', 'print-run', 'run-scenarios', 'run-and-report', 'judge-again'])
    t.notOk(loadedBy(`cli/actions/${action}.js`).packages.has('node-sqlite3-wasm'), action);
});

const BUNDLED = join(DIST, 'command/start.js');
const skip = existsSync(BUNDLED) ? false : 'npm run build makes it';

t.test('the bundle of the command does the same as its files', { skip }, async (t) => {
  const print = (file: string, ...words: string[]) =>
    execFileSync(process.execPath, [file, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  for (const words of [['--help'], ['run', '--help'], ['list', 'scenarios']])
    t.equal(print(BUNDLED, ...words), print(join(DIST, 'cli/start.js'), ...words), words.join(' '));
});

t.test('a bundle that is older than what tsc wrote is not used', async (t) => {
  const made = (bundleMs: number | undefined) => {
    const root = t.testdir({
      'package.json': '{ "type": "module" }',
      cli: {
        'main.js': readFileSync(join(DIST, 'cli/main.js')),
        'start.js': 'process.stdout.write("files")',
      },
      command: bundleMs === undefined ? {} : { 'start.js': 'process.stdout.write("bundle")' },
    });
    utimesSync(join(root, 'cli/main.js'), 1_000, 1_000);
    if (bundleMs !== undefined) utimesSync(join(root, 'command/start.js'), bundleMs, bundleMs);
    return execFileSync(process.execPath, [join(root, 'cli/main.js')], { encoding: 'utf8' });
  };
  t.equal(made(undefined), 'files');
  t.equal(made(999), 'files');
  t.equal(made(1_000), 'bundle', 'both in one second of a coarse file system');
  t.equal(made(1_001), 'bundle');
});

t.test('no help is composed for a command that is carried out', async (t) => {
  const written = async (around: (parser: Argv) => Argv, words: readonly string[]) => {
    const parser = around(yargs().scriptName('program')).command('act', 'acts', {}, () => undefined);
    let help = '';
    await parser
      .exitProcess(false)
      .parseAsync(words, (_error: unknown, _argv: unknown, output: string) => (help = output));
    return { help, isKept: usageOf(parser)?.hasCachedHelpMessage() };
  };
  t.match(await written((parser) => parser, ['act']), { isKept: true }, 'yargs alone does');
  t.match(await written(withoutHelpKept, ['act']), { isKept: false });
  t.match(await written(withoutHelpKept, ['act', '--help']), { help: /program act/ }, 'what is asked for');
});
