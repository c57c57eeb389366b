import { safeName, safeSentence } from '../words.js';
import {
  type Report,
  type ReportedCell,
  type ReportedControl,
  type ReportedLine,
  TEST_STATUSES,
  type TestStatus,
} from './report-model.js';
import { rateText } from './report-of.js';

/**
 * A report as tests within tests, for the formats that know no other form (JUnit, KTAP, TAP). A test is a run; in a night
 * it is a cell, because the night judges cells: a cell that fails as often as its baseline has not regressed.
 */
export interface Test {
  readonly name: string;
  readonly status: TestStatus;
  readonly headline: string;
  /** Names and values for people, without the headline. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly console: readonly ReportedLine[];
  readonly seconds: number;
}

/** All tests of a cell, or all controls of a night. */
export interface TestCell {
  readonly scenario: string;
  /** Kernel and machine. */
  readonly place: string;
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly host: string | undefined;
  /** At least one. */
  readonly tests: readonly Test[];
}

/** Tests below a name, for formats that nest. */
export interface TestGroup {
  readonly name: string;
  readonly children: readonly (TestGroup | Test)[];
}

/** Name of the group that holds a night's controls. */
const CONTROLS = 'controls';

/** All cells with their tests; a night's controls come first, since nothing else counts when one of them fails. */
export function testCells({ cells, night }: Report): TestCell[] {
  const controls = night?.controls ?? [];
  return [
    ...(controls.length === 0
      ? []
      : [{ scenario: CONTROLS, place: '', facts: [], host: undefined, tests: controls.map(controlTest) }]),
    ...cells.map(cellOf),
  ];
}

/** The same nested: scenarios, cells, runs; in a night scenarios and cells. */
export function testGroups(report: Report): TestGroup[] {
  const scenarios = new Map<string, (TestGroup | Test)[]>();
  for (const { scenario, place, tests } of testCells(report)) {
    const own = report.night === undefined ? [{ name: place, children: tests }] : tests;
    scenarios.set(scenario, [...(scenarios.get(scenario) ?? []), ...own]);
  }
  return [...scenarios].map(([name, children]) => ({ name, children }));
}

/** The worst status below a group; a group of skipped and passed tests has passed. */
export function groupStatus(node: TestGroup | Test): TestStatus {
  if ('status' in node) return node.status;
  const below = new Set(node.children.map(groupStatus));
  const order: readonly TestStatus[] = ['failed', 'error', 'passed', 'skipped'];
  return order.find((status) => below.has(status)) ?? 'skipped';
}

/** A console line with its number; `>` marks those that the verdict cites. */
export function consoleText({ number, decides, text }: ReportedLine): string {
  return `${decides ? '>' : ' '} ${String(number).padStart(5)}: ${text}`;
}

function controlTest({ name, status, headline, reproduce, raw }: ReportedControl): Test {
  return {
    name,
    status,
    headline,
    facts: [
      ['reproduce', reproduce],
      ...(raw.runs.length === 0 ? [] : [['runs', safeSentence(raw.runs.join(', '))] as const]),
    ],
    console: [],
    seconds: 0,
  };
}

function cellOf(cell: ReportedCell): TestCell {
  const { scenario, place, runs, rate, verdicts, reproduce, night } = cell;
  const [first] = runs;
  const shared = (first?.facts ?? []).filter(
    ([name, value]) =>
      !['verdict', 'outcome', 'run', 'last-phase', 'degraded-by'].includes(name) &&
      runs.every((run) => run.facts.some(([other, theirs]) => other === name && theirs === value)),
  );
  const given = (name: string, value: string | undefined): [string, string][] =>
    value === undefined || value === '' ? [] : [[name, value]];
  return {
    scenario,
    place,
    facts: [
      ...shared,
      ...given('rate', rate),
      ...given('verdicts', verdicts),
      ...given('night', cell.word),
      ...given('reproduce', reproduce),
    ],
    host: first?.facts.find(([name]) => name === 'host')?.[1],
    tests: night === undefined ? runTests(cell) : [nightTest(cell)],
  };
}

function runTests({ runs }: ReportedCell): Test[] {
  const names = runs.map(({ trial, runId }) => (trial === undefined ? runId : `trial ${trial}`));
  return runs.map(({ runId, status, headline, facts: own, reproduce, console, seconds }, index) => {
    const facts = reproduce === undefined ? own : [...own, ['reproduce', reproduce] as const];
    const name = names[index] ?? runId;
    // Readers keep one of several tests of a name.
    const isUnique = names.indexOf(name) === names.lastIndexOf(name);
    return { name: isUnique ? name : `${name} (${runId})`, status, headline, facts, console, seconds };
  });
}

function nightTest({ place, status, headline, rate, verdicts, reproduce, runs, night }: ReportedCell): Test {
  const worst = TEST_STATUSES.flatMap((one) => runs.filter((run) => run.status === one)).find(
    ({ console }) => console.length > 0,
  );
  return {
    name: place,
    status,
    headline,
    facts: [
      ['rate', rate],
      ...(verdicts === '' ? [] : [['verdicts', verdicts] as const]),
      ...(night?.baselines ?? []).map(
        ({ kind, kernel, tally, pValue, conclusion }) =>
          [
            `baseline-${kind}`,
            `${safeName(kernel.name)} (${safeName(kernel.release)}): ${rateText(tally)}; ${pText(pValue)}; ${safeSentence(conclusion)}`,
          ] as const,
      ),
      ...(reproduce === undefined ? [] : [['reproduce', reproduce] as const]),
      ...(worst === undefined ? [] : [['shown-run', `${worst.runId}: ${worst.headline}`] as const]),
    ],
    console: worst?.console ?? [],
    seconds: runs.reduce((sum, run) => sum + run.seconds, 0),
  };
}

/** A corrected p value in words. */
export function pText(pValue: number | null): string {
  if (pValue === null) return 'not compared';
  return pValue < 0.0001 ? 'p < 0.0001' : `p = ${Number(pValue.toPrecision(2))}`;
}
