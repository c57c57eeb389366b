import { stringify } from 'yaml';
import type { Report } from './report-model.js';
import { consoleText, groupStatus, type Test, type TestGroup, testGroups } from './test-tree.js';

/**
 * TAP version 14 (testanything.org): scenarios, cells and runs as subtests, four blanks deep each; why a test did not pass
 * stands in its YAML block. Pure.
 */
export function tapText(report: Report): string {
  return `${['TAP version 14', ...childLines(testGroups(report)), ...notesOf(report)].join('\n')}\n`;
}

function notesOf({ title, night }: Report): string[] {
  return [
    `# crashpath: ${title}`,
    ...(night?.blindBecause ?? []).map((why) => `# crashpath: the night is blind: ${why}`),
    ...(night?.outOfBudget === true ? ['# crashpath: the budget ended the night early'] : []),
    ...(night?.faults ?? []).map((fault) => `# crashpath: ${fault}`),
  ];
}

function childLines(children: readonly (TestGroup | Test)[]): string[] {
  return [`1..${children.length}`, ...children.flatMap((child, index) => lines(child, index + 1))];
}

function lines(node: TestGroup | Test, number: number): string[] {
  const status = groupStatus(node);
  const point = `${status === 'passed' || status === 'skipped' ? 'ok' : 'not ok'} ${number} - ${escaped(node.name)}`;
  if ('children' in node) {
    return [
      `# Subtest: ${escaped(node.name)}`,
      ...childLines(node.children).map((line) => `    ${line}`),
      status === 'skipped' ? `${point} # SKIP` : point,
    ];
  }
  return [
    status === 'skipped' ? `${point} # SKIP ${escaped(node.headline)}` : point,
    ...(status === 'passed' ? [] : yamlBlock(node)),
  ];
}

/** A test's YAML block; all scalars are quoted, so that no text becomes a number, a date or another key. */
function yamlBlock({ status, headline, facts, console }: Test): string[] {
  const block = {
    message: headline,
    severity: { passed: 'comment', failed: 'fail', error: 'error', skipped: 'comment' }[status],
    data: {
      ...Object.fromEntries(facts),
      ...(console.length === 0 ? {} : { console: console.map(consoleText) }),
    },
  };
  const text = stringify(block, { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN', lineWidth: 0 });
  return ['---', ...text.trimEnd().split('\n'), '...'].map((line) => `  ${line}`);
}

/** `\` and `#` have meaning in a description. */
function escaped(text: string): string {
  return text.replace(/[\\#]/g, (character) => `\\${character}`);
}
