/** A part of the zoo on real guests, another one each day; CRASHPATH_TEST_ZOO=N/M chooses it. */
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { z } from 'zod';
import { PACKAGE_ROOT } from '../cli/context.js';
import { EXIT } from '../model/fault.js';
import { crashpath } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import { qemusUnder } from '../testing/processes.js';

/** Some five rows: two to ten minutes. */
const PART = process.env['CRASHPATH_TEST_ZOO'] ?? 'today/30';
/** On a cold cache the source is downloaded and the stock kernel built first; crashpath() ends then. */
const BUILD_MS = 15 * 60_000;
const BENCH_MS = 25 * 60_000;

const Report = z.object({
  open: z.literal(0),
  rows: z.array(z.object({ name: z.string(), ok: z.boolean(), wrong: z.string(), got: z.string() })),
});

t.setTimeout(BUILD_MS + BENCH_MS);

void t.test(`the verdicts of the zoo's part ${PART} are right`, async (t) => {
  const built = await crashpath(['kernel', 'build', 'seeded', '--quiet']);
  if (built.exitCode !== 0) {
    t.plan(0, `the seeded kernel cannot be built here: ${built.stderr}`);
    return;
  }
  const out = await scratch(t);
  const bench = join(PACKAGE_ROOT, 'dist/bench/verdicts.js');
  const words = ['-u', 'NODE_OPTIONS', process.execPath, bench, '--rotate', PART, '--out', out, '--json'];
  const ended = await execa('env', words, { reject: false, stdin: 'ignore', timeout: BENCH_MS });
  t.strictSame(await qemusUnder(out), [], 'no QEMU is left');
  if (ended.exitCode !== EXIT.expected) t.comment(ended.stderr);
  t.not(ended.exitCode, EXIT.harness, 'the bench itself does not fail');
  const { rows } = Report.parse(JSON.parse(ended.stdout));
  t.ok(rows.length > 0, 'there are rows');
  for (const row of rows) t.ok(row.ok, `${row.name}: ${row.got} ${row.wrong}`);
});
