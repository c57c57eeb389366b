import type { Report } from './report-model.js';
import { consoleText, groupStatus, type Test, type TestGroup, testGroups } from './test-tree.js';

/**
 * KTAP version 1 (the kernel's Documentation/dev-tools/ktap.rst, v6.1): scenarios, cells, runs, nested by two blanks. A
 * harness error has the directive ERROR, a void SKIP. Pure.
 */
export function ktapText(report: Report): string {
  const groups = testGroups(report);
  return `${['KTAP version 1', ...notesOf(report), ...childLines(groups, '')].map(unbroken).join('\n')}\n`;
}

/** Diagnostic lines about the whole. */
function notesOf({ title, night }: Report): string[] {
  return [
    `# crashpath: ${title}`,
    ...(night?.blindBecause ?? []).map((why) => `# the night is blind: ${why}`),
    ...(night?.outOfBudget === true ? ['# crashpath: the budget ended the night early'] : []),
    ...(night?.faults ?? []).map((fault) => `# crashpath: ${fault}`),
  ];
}

/** A plan and the tests of a parent; the indentation is the caller's. */
function childLines(children: readonly (TestGroup | Test)[], parent: string): string[] {
  return [
    `1..${children.length}`,
    ...children.flatMap((child, index) => lines(child, { number: index + 1, parent })),
  ];
}

function lines(node: TestGroup | Test, { number, parent }: { number: number; parent: string }): string[] {
  const status = groupStatus(node);
  const name = nameOf(node, parent);
  const result = `${status === 'passed' || status === 'skipped' ? 'ok' : 'not ok'} ${number} ${name}`;
  if ('children' in node) {
    return [
      ...[`KTAP version 1`, `# Subtest: ${name}`, ...childLines(node.children, name)].map(
        (line) => `  ${line}`,
      ),
      status === 'skipped' ? `${result} # SKIP` : result,
    ];
  }
  const directive = { passed: '', failed: '', skipped: ' # SKIP ', error: ' # ERROR ' }[status];
  return [...diagnostics(node), directive === '' ? result : `${result}${directive}${node.headline}`];
}

/** Each with a word in front: a line of the guest must not become a version line, a result or a subtest. */
function diagnostics({ status, headline, facts, console }: Test): string[] {
  if (status === 'passed') return [];
  return [
    `# verdict: ${headline}`,
    ...facts.filter(([name]) => name !== 'verdict').map(([name, value]) => `# ${name}: ${value}`),
    ...console.map((line) => `# console ${consoleText(line)}`),
  ];
}

/**
 * A description cannot hold `#`, and has no escapes: crashpath's own for bytes of the guest is used. The kernel's parser
 * takes a test with its parent's name for the parent's result.
 */
function nameOf({ name }: TestGroup | Test, parent: string): string {
  const own = name.replaceAll('#', '\\x23').trim() || 'unnamed';
  return own === parent ? `on ${own}` : own;
}

/**
 * Words anywhere in a line that end the results for the kernel's parser (tools/testing/kunit/kunit_parser.py, KTAP_END,
 * v6.1): a console that a test cites may hold them.
 */
const ENDS_RESULTS = /List of all partitions:|Kernel panic - not syncing: VFS:|reboot: System halted/g;

function unbroken(line: string): string {
  return line.replace(ENDS_RESULTS, (words) => words.replace(':', '\\x3a'));
}
