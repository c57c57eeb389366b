import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import which from 'which';
import { PACKAGE_ROOT } from '../../cli/context.js';
import { CRASHPATH } from '../../testing/crashpath-command.js';
import { scratch } from '../../testing/files.js';

const MAIN = join(PACKAGE_ROOT, 'dist/bench/throughput/main.js');
const LOOP = join(PACKAGE_ROOT, 'scripts/bench/shell-loop');

void t.test('mistakes are one line, with the exit code of usage', async (t) => {
  const [program, ...before] = [...CRASHPATH.slice(0, -1), MAIN];
  const said = async (...words: string[]) => {
    const { exitCode, stderr, stdout } = await execa(program ?? '', [...before, ...words], { reject: false });
    t.equal(exitCode, 64, stderr);
    t.equal(stdout, '');
    return stderr;
  };
  t.equal(
    await said('--only', 'a,x'),
    'bench: cannot use --only "a,x": "x" is none of a, b, c, d, e; write e.g. a,c',
  );
  t.match(
    await said('--vmcore', 'half'),
    /^bench: cannot use --vmcore "half": it is none of whole, mapped, nonce; choose one of them$/,
  );
  t.match(await said('--repack', 'all'), /^bench: cannot use --repack "all": [^\n]*$/);
  t.match(await said('--memory', '1'), /^bench: cannot use --memory "1": [^\n]*$/);
  t.match(await said('--round', '3'), /^bench: cannot understand "--round": [^\n]*--rounds[^\n]*$/);
  t.equal(
    await said('--only', 'a,b', '--clones', '5'),
    'bench: cannot use --clones with --only "a,b": it belongs to c and d; add one of them, or leave --clones out',
  );
  t.match(
    await said('--only=a,c', '--hang-kernel=stock'),
    /belongs to e; add it, or leave --hang-kernel out$/,
  );
  t.match(await said('--only', 'a', '--vmcore', 'nonce'), /^bench: cannot use --vmcore with [^\n]*$/);
  t.match(await said('-k', '/nowhere'), /^bench: cannot read kernel "\/nowhere": [^\n]*$/);
});

const lacks = (program: string) =>
  which.sync(program, { nothrow: true }) === null && `${program} is not installed`;

void t.test('the shell loop is clean', { skip: lacks('shellcheck') }, async (t) => {
  const { stdout, exitCode } = await execa('shellcheck', ['-S', 'style', LOOP], { reject: false });
  t.equal(stdout, '');
  t.equal(exitCode, 0);
});

/** Runs the loop with a shell script for a QEMU, and returns its lines without the times. */
async function cycles(
  t: Parameters<typeof scratch>[0],
  script: string,
  { count, seconds }: { count: number; seconds: number },
) {
  const directory = await scratch(t);
  const qemu = join(directory, 'qemu');
  await writeFile(qemu, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const { stdout, exitCode } = await execa(LOOP, ['/bin/sh', `${count}`, `${seconds}`, directory], {
    ...{ reject: false, env: { QEMU: qemu } },
  });
  return { exitCode, results: stdout.split('\n').map((line) => line.replace(/ after \d+\.\d{3} s$/, '')) };
}

void t.test(
  'the loop believes the console of its own cycle, and waits no longer than its timeout',
  async (t) => {
    // The last argument is -serial's file:PATH.
    const console = 'for word; do :; done; console=${word#file:}';
    t.strictSame(
      await cycles(t, `${console}; echo "shell-loop: vmcore" >"$console"`, { count: 2, seconds: 5 }),
      {
        exitCode: 0,
        results: ['cycle 1: captured', 'cycle 2: captured'],
      },
    );
    const once = `${console}; cd "$(dirname "$console")"; [ -e ran ] || echo "shell-loop: vmcore" >console; touch ran`;
    t.strictSame(await cycles(t, once, { count: 2, seconds: 5 }), {
      exitCode: 1,
      results: ['cycle 1: captured', 'cycle 2: lost'],
    });
    t.strictSame(await cycles(t, 'exec sleep 60', { count: 1, seconds: 1 }), {
      exitCode: 1,
      results: ['cycle 1: timeout'],
    });
  },
);
