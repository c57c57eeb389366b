import { create } from 'xmlbuilder2';
import type { Report } from './report-model.js';
import { consoleText, type Test, type TestCell, testCells } from './test-tree.js';

/**
 * JUnit XML as Jenkins' schema has it (junit-4.xsd of its dtkit) and GitLab reads it. Both group by `classname`, which is
 * the scenario; a `testsuite` is a cell, because the schema allows properties only there. A skipped test holds its reason
 * as text, for the same reason. Throws when the text is not well-formed XML. Pure.
 */
export function junitXml(report: Report): string {
  const cells = testCells(report);
  const root = create({ version: '1.0', encoding: 'UTF-8' }).ele(
    'testsuites',
    literals({
      name: `crashpath ${report.title}`,
      ...countsOf(cells.flatMap(({ tests }) => tests)),
    }),
  );
  for (const cell of cells) writeSuite(root, cell, report);
  return `${root.end({ prettyPrint: true, wellFormed: true })}\n`;
}

type Element = ReturnType<typeof create>;

/** xmlbuilder2 4 takes `&lt;` and `&#0;` in a text for entities of its caller; the `&` itself may be given as one. */
function literal(text: string): string {
  return text.replaceAll('&', '&amp;');
}

function literals(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, literal(value)]));
}

function writeSuite(root: Element, cell: TestCell, { title, startedAt, night }: Report): void {
  const { scenario, place, host, facts, tests } = cell;
  const suite = root.ele(
    'testsuite',
    literals({
      name: place === '' ? scenario : `${scenario}: ${place}`,
      ...countsOf(tests),
      skipped: String(tests.filter(({ status }) => status === 'skipped').length),
      // Jenkins shows it, and Ant's form has no milliseconds.
      ...(startedAt === undefined ? {} : { timestamp: startedAt.replace(/\.\d+/, '') }),
      ...(host === undefined ? {} : { hostname: host }),
    }),
  );
  const properties = suite.ele('properties');
  const all = [
    ['scenario', scenario],
    ...(night === undefined ? [] : [['night-name', night.name]]),
    ...facts,
  ];
  for (const [name, value] of [['campaign', title], ...all])
    properties.ele('property', literals({ name, value }));
  for (const test of tests) writeTest(suite, test, cell);
}

function writeTest(suite: Element, test: Test, { scenario, place }: TestCell): void {
  const name = [place, test.name].filter((part) => part !== '');
  const element = suite.ele(
    'testcase',
    literals({
      classname: scenario,
      name: [...new Set(name)].join(', '),
      time: test.seconds.toFixed(3),
    }),
  );
  const { status, headline } = test;
  const body = literal(bodyOf(test));
  if (status === 'failed') element.ele('failure', literals({ message: headline, type: 'verdict' })).txt(body);
  if (status === 'error') element.ele('error', literals({ message: headline, type: 'harness' })).txt(body);
  if (status === 'skipped') element.ele('skipped').txt(literal(headline));
  // A failure's text holds them already; GitLab shows nothing else of it.
  if (status === 'passed' || status === 'skipped') element.ele('system-out').txt(body);
}

/** The explanation, the facts and the console's lines. */
function bodyOf({ headline, facts, console }: Test): string {
  return [
    headline,
    ...facts.map(([name, value]) => `${name}: ${value}`),
    ...(console.length === 0 ? [] : ['console:', ...console.map(consoleText)]),
    '',
  ].join('\n');
}

function countsOf(tests: readonly Test[]): Record<string, string> {
  const count = (status: Test['status']) => String(tests.filter((test) => test.status === status).length);
  return {
    tests: String(tests.length),
    failures: count('failed'),
    errors: count('error'),
    time: tests.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(3),
  };
}
