import { error, warning } from '@actions/core';
import t, { type Test } from 'tap';
import { lexer } from 'marked';
import {
  HOSTILE_TEXT,
  HUNG,
  hostileNight,
  hostileRun,
  largeRun,
  madeNight,
  madeReport,
  mixedRuns,
  stored,
} from '../../testing/builders/reports.js';
import { githubReport } from './github.js';

/** What GitHub's own toolkit prints for an annotation. */
function toolkit(t: Test, write: typeof error, given: { title: string; message: string }): string {
  const printed = t.capture(process.stdout, 'write');
  write(given.message, { title: given.title });
  printed.restore();
  return printed
    .args()
    .map(([text]) => String(text))
    .join('');
}

/** A workflow command as the runner reads it: the line's beginning, properties to the next `::`, unescaped. */
function parsed(line: string): { level: string; title: string; message: string } {
  const [, level = '', title = '', message = ''] = /^::(\w+) title=([^:,]*)::(.*)$/.exec(line) ?? [];
  const plain = (text: string) =>
    text
      .replaceAll('%0D', '\r')
      .replaceAll('%0A', '\n')
      .replaceAll('%3A', ':')
      .replaceAll('%2C', ',')
      .replaceAll('%25', '%');
  return { level, title: plain(title), message: plain(message) };
}

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');

/** Lines that the runner would take for commands (actions/runner, src/Runner.Common/ActionCommand.cs). */
const isCommand = (line: string) => line.trimStart().startsWith('::') || line.includes('##[');

t.test("annotations are what GitHub's toolkit writes", async (t) => {
  for (const report of [
    madeReport(mixedRuns()),
    madeReport([hostileRun()]),
    madeReport([], hostileNight()),
  ]) {
    const { annotations } = githubReport(report);
    t.ok(annotations.length > 0);
    for (const line of linesOf(annotations)) {
      const { level, title, message } = parsed(line);
      t.equal(toolkit(t, level === 'error' ? error : warning, { title, message }), `${line}\n`);
    }
  }
});

t.test('an error for what failed, a warning for what was not judged, nothing for the rest', async (t) => {
  const found = linesOf(githubReport(madeReport(mixedRuns())).annotations).map(parsed);
  t.strictSame(
    found.map(({ level, title }) => `${level}: ${title}`),
    [
      'error: crashpath: failed: lock-held on broken',
      'error: crashpath: error: pmu on stock',
      'warning: crashpath: skipped: nic on stock',
      'warning: crashpath: skipped: cut on stock',
    ],
  );
  t.match(found[0]?.message, /^crash-path-hang.*\nreproduce: crashpath run lock-held --kernel \.\/broken/);
  const night = linesOf(githubReport(madeReport(mixedRuns(), madeNight())).annotations).map(parsed);
  t.strictSame(
    night.map(({ level, title }) => `${level}: ${title}`),
    [
      'error: crashpath: regressed: lock-held on broken',
      'warning: crashpath: suspect: pmu on stock',
      'warning: crashpath: cannot-tell: nic on stock',
    ],
  );
  const blind = madeNight({ blind: true, blindBecause: ['no-zap captured'] });
  t.strictSame(linesOf(githubReport(madeReport(mixedRuns(), blind)).annotations).map(parsed), [
    { level: 'error', title: 'crashpath: the night is blind', message: 'no-zap captured' },
  ]);
});

t.test('GitHub keeps ten annotations of a kind: the last one says how many there are', async (t) => {
  const failing = (count: number) =>
    Array.from({ length: count }, (_, index) => stored({ scenario: `s${index}`, result: HUNG }));
  t.equal(linesOf(githubReport(madeReport(failing(10))).annotations).length, 10);
  const many = linesOf(githubReport(madeReport(failing(400))).annotations);
  t.equal(many.length, 10);
  t.match(many.at(-1), /::391 more are in the step's summary$/);
});

t.test('no line of a summary is a command, and a summary fits into its step', async (t) => {
  const cells = Array.from({ length: 1200 }, (_, index) =>
    stored({ scenario: `${index}${HOSTILE_TEXT}`, result: HUNG }),
  );
  const night = madeNight();
  const [first] = night.cells;
  const starts = { ...night, blind: true, blindBecause: ['::error::x', '##[error]x'] };
  for (const report of [
    madeReport(mixedRuns()),
    madeReport([hostileRun()]),
    madeReport([], hostileNight()),
    madeReport([], first === undefined ? night : { ...starts, cells: [{ ...first, why: '::error::x' }] }),
    madeReport([largeRun('::error::x\n')]),
    madeReport([largeRun('##[error]x\n')]),
    madeReport(cells),
  ]) {
    const { summary } = githubReport(report);
    t.strictSame(linesOf(summary).filter(isCommand), []);
    t.ok(Buffer.byteLength(summary) <= 1024 * 1024);
    t.ok(lexer(summary).some(({ type }) => type === 'heading'));
  }
});
