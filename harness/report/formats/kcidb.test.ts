import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import t from 'tap';
import {
  BROKEN,
  HOSTILE_LINES,
  HUNG,
  hostileNight,
  hostileRun,
  largeRun,
  madeNight,
  madeReport,
  mixedRuns,
  stored,
  VOID,
} from '../../testing/builders/reports.js';
import { fixtureReport } from '../../testing/recordings/fixture-report.js';
import { kcidbJson } from './kcidb.js';
import { type KcidbReport, KcidbSchema } from './kcidb-schema.js';
import type { Report } from './report-model.js';

const SCHEMA: object = JSON.parse(
  readFileSync(
    new URL('../../../harness/report/formats/testdata/kcidb-v5.3.schema.json', import.meta.url),
    'utf8',
  ),
);

const ajv = new Ajv({ allErrors: true, strict: false });
addFormats.default(ajv);
const isValid = ajv.compile(SCHEMA);

/** What a database that validates takes in. */
function read(report: Report): KcidbReport {
  const submission: unknown = JSON.parse(kcidbJson(report, 'my_ci'));
  if (!isValid(submission)) throw new Error(ajv.errorsText(isValid.errors));
  return KcidbSchema.parse(submission);
}

t.test(
  'the schema refuses nulls, unknown keys, foreign identifiers and long logs; so does our own',
  async (t) => {
    const submission = read(madeReport(mixedRuns()));
    const [test] = submission.tests;
    const [checkout] = submission.checkouts;
    const spoiled: unknown[] = [
      { ...submission, tests: [{ ...test, id: 'nobody' }] },
      { ...submission, tests: [{ ...test, id: 'My-CI:1' }] },
      { ...submission, tests: [{ ...test, status: 'pass' }] },
      { ...submission, tests: [{ ...test, comment: null }] },
      { ...submission, tests: [{ ...test, comment: 'a\0b' }] },
      { ...submission, tests: [{ ...test, path: 'a..b' }] },
      { ...submission, tests: [{ ...test, colour: 'red' }] },
      { ...submission, tests: [{ ...test, log_excerpt: 'x'.repeat(16_385) }] },
      { ...submission, checkouts: [{ ...checkout, git_commit_hash: 'abc' }] },
      { ...submission, version: { major: 4, minor: 3 } },
      { ...submission, colour: 'red' },
    ];
    for (const one of spoiled) {
      t.notOk(isValid(one), JSON.stringify(one).slice(0, 60));
      t.notOk(KcidbSchema.safeParse(one).success);
    }
    t.notOk(KcidbSchema.safeParse({ ...submission, tests: [{ ...test, misc: { a: [null] } }] }).success);
    t.ok(isValid({ ...submission, tests: [{ ...test, log_excerpt: 'x'.repeat(16_384) }] }));
  },
);

t.test('a checkout and a build for each kernel, a test for each run, linked', async (t) => {
  const { version, checkouts, builds, tests } = read(madeReport(mixedRuns()));
  t.strictSame(version, { major: 5, minor: 3 });
  t.equal(checkouts.length, 2);
  t.strictSame(
    builds.map((build) => build.checkout_id),
    checkouts.map(({ id }) => id),
  );
  t.equal(tests.length, mixedRuns().length);
  t.equal(new Set(tests.map(({ id }) => id)).size, tests.length);
  for (const one of tests) t.ok(builds.some(({ id }) => id === one.build_id));
  const [, failed] = tests;
  t.match(failed, {
    path: 'crashpath.lock-held',
    status: 'FAIL',
    log_excerpt: /Kernel panic - not syncing/,
    comment: /^crash-path-hang/,
    misc: { crashpath: { outcome: 'unexpected', reproduce: /^crashpath run lock-held/ } },
  });
});

t.test('the status is about the kernel, whatever a campaign file expects of it', async (t) => {
  const status = (result: Parameters<typeof stored>[0]) =>
    read(madeReport([stored(result)])).tests[0]?.status;
  t.equal(status({}), 'PASS');
  t.equal(status({ result: HUNG }), 'FAIL');
  t.equal(status({ result: { ...HUNG, outcome: 'expected', cell: { kernel: 'no-zap' } } }), 'FAIL');
  t.equal(status({ result: VOID }), 'ERROR');
  t.equal(status({ result: { ...VOID, voidOk: 'no PMU here' } }), 'SKIP');
  t.equal(status({ result: BROKEN }), 'MISS');
  t.equal(read(madeReport([{ ...stored(), result: undefined }])).tests[0]?.status, 'MISS');
});

t.test("a night: its word, its kernels' commits; a blind night has no results", async (t) => {
  const { tests, checkouts } = read(madeReport(mixedRuns(), madeNight()));
  t.match(tests[0], { status: 'PASS', misc: { crashpath: { night: 'regressed', night_blind: false } } });
  t.strictSame(
    checkouts.map((checkout) => checkout.git_commit_hash),
    [undefined, '1'.repeat(40)],
  );
  const blind = read(madeReport(mixedRuns(), madeNight({ blind: true, blindBecause: ['x'] })));
  t.strictSame([...new Set(blind.tests.map(({ status }) => status))], ['MISS']);
});

t.test('hostile texts, 8 MiB of console, all recorded runs', async (t) => {
  const hostile = read(madeReport([hostileRun()])).tests[0];
  t.match(hostile?.path, /^crashpath\.[\w-]+$/);
  t.equal(hostile?.log_excerpt?.split('\n').length, HOSTILE_LINES.length);
  t.equal(read(madeReport([], hostileNight())).tests.length, 0);
  for (const line of ['x', '\0']) {
    t.ok((read(madeReport([largeRun(line)])).tests[0]?.log_excerpt?.length ?? 0) < 16_384);
  }
  const all = await fixtureReport();
  t.equal(read(all).tests.length, all.cells.flatMap(({ runs }) => runs).length);
});

t.test('a report that would be refused is a fault, not a file', async (t) => {
  t.throws(() => kcidbJson(madeReport([stored()]), 'My CI'), {
    name: 'Fault',
    kind: 'harness',
    message: /^cannot make the KCIDB report of ".*": checkouts\.0\.id .*; report this/,
  });
});
