import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { crashpath, KERNELS, resultsOf } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import { qemusUnder } from '../testing/processes.js';

t.test('a campaign file against real guests: what each cell expects decides', async (t) => {
  const directory = await scratch(t);
  const file = join(directory, 'two.yaml');
  const text = `version: 1
name: two
summary: a control, and an expectation that no kernel meets
kernels: { distribution: "${KERNELS.six1}" }
scenarios:
  - name: no-crash-kernel
    expect: { distribution: { verdict: no-crash-kernel, detail: panic-ended, why: nothing is loaded } }
  - name: sysrq-task
    expect: { distribution: { verdict: crash-path-hang, why: claimed by the test } }
`;
  await writeFile(file, text);
  const ended = await crashpath([
    ...['run', '--campaign', file, '--name', 'c', '--json'],
    ...['--out', join(directory, 'runs'), '--jobs', '1'],
  ]);
  t.equal(ended.exitCode, 1, ended.stderr);
  const lines = ended.stdout.trimEnd().split('\n');
  const table: unknown = JSON.parse(lines.at(-1) ?? '');
  t.match(table, {
    kind: 'campaign',
    exitCode: 1,
    cells: [
      { scenario: 'no-crash-kernel', state: 'as-expected', verdicts: { 'no-crash-kernel': 1 } },
      {
        scenario: 'sysrq-task',
        state: 'unexpected',
        verdicts: { captured: 1 },
        expected: 'crash-path-hang',
        why: ['claimed by the test'],
      },
    ],
  });
  const [, captured] = resultsOf(lines.slice(0, -1).join('\n'));
  t.match(captured, { verdict: 'captured', outcome: 'unexpected', cell: { kernel: 'distribution' } });
  const judged = await crashpath(['classify', captured?.directory ?? '', '--json']);
  t.strictSame(resultsOf(judged.stdout)[0], captured, 'judged again by the cell');
  t.equal(judged.exitCode, 1);
  t.match(await readFile(join(directory, 'runs/c/report.html'), 'utf8'), 'Scenarios against kernels');
  t.strictSame(await qemusUnder(directory), [], 'no QEMU is left');
});
