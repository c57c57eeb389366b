import { join } from 'node:path';
import t from 'tap';
import { RunDiffSchema } from '../report/run-diff-json.js';
import { crashpathInProcess } from '../testing/command-in-process.js';
import { TESTDATA } from '../testing/recordings/fixtures.js';

const CAPTURED = join(TESTDATA, 'captured-6.1');
const HUNG = join(TESTDATA, 'crash-path-hang-spin');

t.test('exit codes are those of diff(1)', async (t) => {
  const same = await crashpathInProcess(['diff', CAPTURED, CAPTURED]);
  t.equal(same.exitCode, 0);
  t.match(same.stdout, /nothing but times$/m);
  const differs = await crashpathInProcess(['diff', CAPTURED, HUNG]);
  t.equal(differs.exitCode, 1);
  t.match(differs.stdout, /^ {4}\+ crash-path-hang: spin$/m);
  const none = await crashpathInProcess(['diff', CAPTURED, 'nowhere']);
  t.equal(none.exitCode, 64);
  t.match(none.stderr, /cannot find run "nowhere"/);
  t.equal((await crashpathInProcess(['diff', CAPTURED])).exitCode, 64);
});

t.test('--json', async (t) => {
  const { stdout, exitCode } = await crashpathInProcess(['diff', '--json', CAPTURED, HUNG]);
  t.equal(exitCode, 1);
  t.match(RunDiffSchema.parse(JSON.parse(stdout)), { same: false, left: CAPTURED, right: HUNG });
});
