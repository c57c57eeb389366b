import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { NightVerdictsSchema } from '../model/night-verdict.js';
import { crashpath, KERNELS } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import { qemusUnder } from '../testing/processes.js';

t.test('a night with real guests: controls, a cell, verdicts, and nothing new after it', async (t) => {
  const directory = await scratch(t);
  const file = join(directory, 'night.yaml');
  await writeFile(
    file,
    `version: 1
name: e2e
kernels: [{ name: distribution, spec: "${KERNELS.six1}" }]
campaign: { scenarios: [sysrq-task], repeat: 1 }
budget: 1h
controls:
  mustHang: false
  mustCapture: { kernel: "${KERNELS.six1}" }
  mustNotCrash: false
vmcore: nonce
jobs: 1
`,
  );
  const words = ['nightly', file, '--out', join(directory, 'runs')];
  const first = await crashpath([...words, '--json']);
  t.equal(first.exitCode, 0, first.stderr);
  const verdicts = NightVerdictsSchema.parse(JSON.parse(first.stdout));
  t.match(verdicts, {
    blind: false,
    controls: [{ what: 'must capture', held: true, verdicts: { captured: 2 } }],
    cells: [{ scenario: 'sysrq-task', word: 'cannot-tell', tally: { captured: 1, trials: 1 } }],
    faults: [],
  });
  const night = join(directory, 'runs/nights', verdicts.night);
  t.strictSame(JSON.parse(await readFile(join(night, 'verdicts.json'), 'utf8')), JSON.parse(first.stdout));
  t.match(await readFile(join(night, 'report.html'), 'utf8'), 'sysrq-task');
  const [run = ''] = verdicts.cells[0]?.runs ?? [];
  t.ok((await readdir(join(night, run))).includes('console.bin'));
  const second = await crashpath(words);
  t.equal(second.exitCode, 0, second.stderr);
  t.match(second.stdout, /^nothing new/);
  t.strictSame(await qemusUnder(directory), [], 'no QEMU is left');
});
