import { execa } from 'execa';
import t from 'tap';
import { CRASHPATH } from '../testing/crashpath-command.js';
import { madeHost, runWords } from '../testing/builders/command-host.js';

// Many commands, one after the other.
t.setTimeout(600_000);

const COMMAND = CRASHPATH.map((word) => `'${word}'`).join(' ');

const ESCAPE = '\u001b';

/** Runs a line of shell in which `$CRASHPATH` is the command. */
async function shell(host: { cache: string; here: string; qemu: string }, line: string) {
  return execa('bash', ['-c', line.replaceAll('$CRASHPATH', COMMAND)], {
    cwd: host.here,
    reject: false,
    stdin: 'ignore',
    env: { CRASHPATH_CACHE: host.cache, CRASHPATH_QEMU: host.qemu },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
}

t.test('a reader that exits is no error, and the work continues', async (t) => {
  const host = await madeHost(t);
  const list = await shell(host, '$CRASHPATH list | true; echo "${PIPESTATUS[0]}"');
  t.equal(list.stdout, '0');
  t.equal(list.stderr, '');
  const words = runWords(host, '--repeat', '2', '--jobs', '1', '--name', 'c').join(' ');
  const run = await shell(host, `$CRASHPATH ${words} | true; echo "\${PIPESTATUS[0]}"`);
  t.equal(run.stdout, '3', 'the exit code of the runs, not of the pipe');
  t.notMatch(run.stderr, /EPIPE|Error/);
  const listed = await shell(host, '$CRASHPATH list runs');
  t.equal(listed.stdout.split('\n').length, 2, 'both runs are recorded');
  const both = await shell(
    host,
    `$CRASHPATH ${words.replace('--name c', '--name d')} 2>&1 | true; echo "\${PIPESTATUS[0]}"`,
  );
  t.equal(both.stdout, '3');
});

t.test('results that cannot be printed are an error', async (t) => {
  const host = await madeHost(t);
  const full = await shell(host, '$CRASHPATH list >/dev/full');
  t.equal(full.exitCode, 3);
  t.equal(
    full.stderr,
    'crashpath: cannot write the results to "stdout": the disk is full (ENOSPC); make room or send it elsewhere',
  );
});

t.test('escape sequences are for terminals, and only for those who want them', async (t) => {
  const host = await madeHost(t);
  const words = runWords(host, '--name', 'c').join(' ');
  const piped = await shell(
    host,
    `$CRASHPATH ${words} 2>&1; $CRASHPATH show 001-sysrq-task-6.1.0-1-amd64; $CRASHPATH doctor; $CRASHPATH run --help; true`,
  );
  t.match(piped.stdout, /harness-error/);
  t.notOk(piped.stdout.includes(ESCAPE), 'no escape sequence');
  const terminal = (variables: string) => {
    const line = `${variables} $CRASHPATH classify 001-sysrq-task-6.1.0-1-amd64`;
    // script(1) gives the command a terminal of its own.
    return shell(host, `script -qec "${line.replaceAll('"', String.raw`\"`)}" /dev/null`);
  };
  if ((await execa('script', ['--version'], { reject: false })).failed)
    return void t.pass('not tried', { skip: 'script(1) is not here' });
  t.ok((await terminal('env -u NO_COLOR')).stdout.includes(`${ESCAPE}[`), 'colour on a terminal');
  t.notOk((await terminal('NO_COLOR=1')).stdout.includes(ESCAPE), 'NO_COLOR');
});

t.test('--quiet silences progress, not errors', async (t) => {
  const host = await madeHost(t);
  t.match((await host.crashpath(['kernel', 'list'])).stderr, /^no kernels in /);
  t.equal((await host.crashpath(['kernel', 'list', '--quiet'])).stderr, '');
  t.equal((await host.crashpath(['-q', 'kernel', 'list'])).stderr, '');
  t.match((await host.crashpath(['show', 'x', '-q'])).stderr, /^crashpath: cannot find run "x"/);
});
