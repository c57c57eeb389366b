import t from 'tap';
import { Parser, type Result } from 'tap-parser';
import {
  hostileNight,
  hostileRun,
  largeRun,
  madeNight,
  madeReport,
  mixedRuns,
  shownHostileLines,
} from '../../testing/builders/reports.js';
import { fixtureReport } from '../../testing/recordings/fixture-report.js';
import type { Report } from './report-model.js';
import { tapText } from './tap.js';
import { groupStatus, type Test, type TestGroup, testGroups } from './test-tree.js';

/** What tap-parser reads: all results that are no subtest's, by their whole names, and what is not TAP. */
function read(text: string) {
  const leaves: (Result & { whole: string })[] = [];
  const extra: string[] = [];
  let version = 0;
  const follow = (parser: Parser, path: readonly string[]) => {
    // A subtest's own result follows it.
    let ended = false;
    parser.on('version', (found) => {
      version = found;
    });
    parser.on('extra', (line) => extra.push(line));
    parser.on('child', (child) => {
      ended = true;
      follow(child, [...path, child.name]);
    });
    parser.on('assert', (result) => {
      if (!ended) leaves.push({ ...result, whole: [...path, result.name].join(' / ') });
      ended = false;
    });
  };
  const parser = new Parser({ strict: true });
  follow(parser, []);
  parser.end(text);
  return { version, leaves, extra, results: parser.results };
}

function statusOf({ ok, skip }: Result): string {
  if (ok) return skip === false ? 'passed' : 'skipped';
  return 'failed';
}

/** The same of a report: TAP has one word for failures and errors. */
function leavesOf(report: Report): [whole: string, status: string][] {
  const walk = (node: TestGroup | Test, path: readonly string[]): [string, string][] => {
    const own = [...path, node.name];
    if ('children' in node) return node.children.flatMap((child) => walk(child, own));
    const status = groupStatus(node);
    return [[own.join(' / '), status === 'error' ? 'failed' : status]];
  };
  return testGroups(report).flatMap((group) => walk(group, []));
}

t.test('runs as subtests of cells of scenarios', async (t) => {
  const report = madeReport(mixedRuns());
  const { version, leaves, extra, results } = read(tapText(report));
  t.equal(version, 14);
  t.strictSame(extra, []);
  t.strictSame(
    leaves.map((leaf) => [leaf.whole, statusOf(leaf)]),
    [
      ['lock-held / broken / trial 1', 'passed'],
      ['lock-held / broken / trial 2', 'failed'],
      ['pmu / stock / trial 1', 'failed'],
      ['nic / stock / trial 1', 'skipped'],
      ['cut / stock / trial 1', 'skipped'],
      ['sysrq-task / stock / trial 1', 'passed'],
      ['sysrq-task / stock / trial 2', 'passed'],
    ],
  );
  t.match(results, { ok: false, count: 5, plan: { start: 1, end: 5 } });
  const [, failed, broken, nic] = leaves;
  t.match(failed?.diag, {
    severity: 'fail',
    message: /^crash-path-hang/,
    data: { kernel: 'broken', console: [/Checked W\+X/] },
  });
  t.match(broken?.diag, { severity: 'error' });
  t.match(nic?.skip, /the lock was not held/);
});

t.test('a night: cells of scenarios, and why it is blind', async (t) => {
  const seen = read(tapText(madeReport(mixedRuns(), madeNight())));
  t.strictSame(
    seen.leaves.map((leaf) => [leaf.whole, statusOf(leaf)]),
    [
      ['controls / good on stock', 'passed'],
      ['lock-held / broken', 'failed'],
      ['pmu / stock', 'skipped'],
      ['nic / stock', 'skipped'],
      ['cut / stock', 'passed'],
      ['sysrq-task / stock', 'passed'],
    ],
  );
  const blind = tapText(
    madeReport(mixedRuns(), madeNight({ blind: true, blindBecause: ['no-zap captured'] })),
  );
  t.match(blind, /^# crashpath: the night is blind: no-zap captured$/m);
  t.notOk(read(blind).leaves.some(({ ok }) => !ok));
});

t.test('hostile texts make no result, no plan, no directive, and arrive unchanged', async (t) => {
  const report = madeReport([hostileRun()]);
  const { leaves, extra, results } = read(tapText(report));
  t.strictSame(extra, []);
  t.match(results, { count: 1, bailout: false, failures: [{ id: 1 }] });
  t.equal(leaves.length, 1);
  const shown: unknown = leaves[0]?.diag?.data?.console;
  t.strictSame(
    shown,
    shownHostileLines().map((text, index) => `> ${String(index + 1).padStart(5)}: ${text}`),
  );
  const night = read(tapText(madeReport([hostileRun()], hostileNight())));
  t.strictSame(night.extra, []);
  t.match(night.leaves.map(statusOf).sort(), ['failed', 'passed', 'passed', 'passed', 'skipped', 'skipped']);
});

t.test('8 MiB of console: what is shown is bounded', async (t) => {
  for (const line of ['x', '\u0000', 'ok 1\n', '  ...\n']) {
    const text = tapText(madeReport([largeRun(line)]));
    t.ok(text.length < 40_000, `${text.length} characters`);
    t.strictSame(
      read(text).leaves.map(({ whole }) => whole),
      ['sysrq-task / stock / trial 1'],
    );
  }
});

t.test('all recorded runs', async (t) => {
  const report = await fixtureReport();
  const { leaves, extra } = read(tapText(report));
  t.strictSame(extra, []);
  t.strictSame(
    leaves.map((leaf) => [leaf.whole, statusOf(leaf)]),
    leavesOf(report),
  );
});
