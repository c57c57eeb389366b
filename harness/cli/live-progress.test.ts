import { execa } from 'execa';
import xterm from '@xterm/headless';
import t from 'tap';
import { madeHost, runWords } from '../testing/builders/command-host.js';
import { PACKAGE_ROOT } from './context.js';

// A process with a pseudo terminal of its own (script(1) of util-linux).
t.setTimeout(600_000);

t.test('a campaign on a terminal', async (t) => {
  const host = await madeHost(t);
  const words = runWords(host, '--repeat', '3', '--jobs', '2').map((word) => `'${word}'`);
  const command = `stty cols 100 rows 24; ${process.execPath} ${PACKAGE_ROOT}/dist/cli/main.js ${words.join(' ')}`;
  const ended = await execa('script', ['-qec', command, '/dev/null'], {
    cwd: host.here,
    reject: false,
    stdin: 'ignore',
    env: {
      CRASHPATH_CACHE: host.cache,
      CRASHPATH_QEMU: host.qemu,
      TERM: 'xterm',
      NO_COLOR: '1',
      SHELL: '/bin/sh',
    },
  });
  const drawn = ended.stdout;
  t.match(drawn, /[012] of 3 runs, [12] of 2 slots in use/, 'it was drawn');
  t.notMatch(drawn, '\u001b[?25l', 'the cursor is never hidden');
  // eslint-disable-next-line no-control-regex -- control characters are the point
  t.notMatch(drawn, /\u001b\[3[0-9]m/, 'NO_COLOR');
  const emulator = new xterm.Terminal({ cols: 100, rows: 24, scrollback: 500, allowProposedApi: true });
  await new Promise<void>((resolve) => emulator.write(`${drawn}\n`, resolve));
  const { active } = emulator.buffer;
  const left = Array.from(
    { length: active.length },
    (_, y) => active.getLine(y)?.translateToString(true) ?? '',
  );
  t.equal(left.filter((line) => /^\[\d\/3\] harness-error/.test(line)).length, 3, 'results stay');
  t.notOk(
    left.some((line) => /slots in use/.test(line)),
    'and the lines are gone',
  );
  t.match(left.join('\n'), /^3 runs: 0 expected, 0 unexpected, 0 inconclusive, 3 harness error$/m);
});
