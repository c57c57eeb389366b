import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { z } from 'zod';
import { cacheDirectory } from '../../cli/directories.js';
import {
  hostileNight,
  hostileRun,
  largeRun,
  madeNight,
  madeReport,
  mixedRuns,
} from '../../testing/builders/reports.js';
import { fixtureReport } from '../../testing/recordings/fixture-report.js';
import { ktapText } from './ktap.js';
import type { Report } from './report-model.js';
import { groupStatus, type Test, type TestGroup, testGroups } from './test-tree.js';

/** Where a kernel's sources have the parser that kunit.py uses. */
const PARSER = 'tools/testing/kunit';

/** The parser of a kernel source that crashpath has fetched for a build; undefined when there is none. */
function parserDirectory(): string | undefined {
  const sources = join(cacheDirectory(), 'sources');
  const names = existsSync(sources) ? readdirSync(sources) : [];
  return names
    .map((name) => join(sources, name, 'src', PARSER))
    .find((directory) => existsSync(join(directory, 'kunit_parser.py')));
}

/** Prints the tests without subtests as JSON lines after the parser's own output. */
const SCRIPT = `
import json, sys
sys.path.insert(0, sys.argv[1])
import kunit_parser
test = kunit_parser.parse_run_tests(sys.stdin.read().split('\\n'))
def leaves(one, path):
    own = path + [one.name]
    if not one.subtests:
        return [[' / '.join(own[1:]), one.status.name]]
    return [leaf for sub in one.subtests for leaf in leaves(sub, own)]
print(json.dumps({'status': test.status.name, 'errors': test.counts.errors, 'leaves': leaves(test, [])}))
`;

const SeenSchema = z.object({
  status: z.string(),
  errors: z.number(),
  leaves: z.array(z.tuple([z.string(), z.string()])),
});

async function read(directory: string, text: string) {
  const { stdout } = await execa('python3', ['-B', '-c', SCRIPT, directory], {
    input: text,
    env: { PYTHONIOENCODING: 'utf-8' },
  });
  return SeenSchema.parse(JSON.parse(stdout.split('\n').at(-1) ?? ''));
}

/** The same of a report; KTAP's ERROR is a failure to this parser. */
function leavesOf(report: Report): [name: string, status: string][] {
  const words = { passed: 'SUCCESS', failed: 'FAILURE', error: 'FAILURE', skipped: 'SKIPPED' };
  const walk = (node: TestGroup | Test, path: readonly string[]): [string, string][] => {
    const own = [...path, node.name];
    if ('children' in node) return node.children.flatMap((child) => walk(child, own));
    return [[own.join(' / '), words[groupStatus(node)]]];
  };
  return testGroups(report).flatMap((group) => walk(group, []));
}

const directory = parserDirectory();
const skip = directory === undefined ? 'no kernel source is cached: crashpath kernel build stock' : false;

t.test("the kernel's own parser reads runs and nights", { skip }, async (t) => {
  const reports = [
    madeReport(mixedRuns()),
    madeReport(mixedRuns(), madeNight()),
    madeReport(mixedRuns(), madeNight({ blind: true, blindBecause: ['x'] })),
    await fixtureReport(),
  ];
  for (const report of reports) {
    const seen = await read(directory ?? '', ktapText(report));
    t.strictSame(seen.leaves, leavesOf(report));
    t.equal(seen.errors, 0);
  }
});

t.test('hostile texts are no results to it', { skip }, async (t) => {
  const seen = await read(directory ?? '', ktapText(madeReport([hostileRun(), ...mixedRuns()])));
  t.match(seen, { status: 'FAILURE', errors: 0 });
  t.equal(seen.leaves.length, 8);
  t.equal(seen.leaves.filter(([, status]) => status === 'FAILURE').length, 3);
  const night = await read(directory ?? '', ktapText(madeReport([hostileRun()], hostileNight())));
  t.match(night, { status: 'FAILURE', errors: 0 });
  t.strictSame(
    night.leaves.map(([, status]) => status),
    ['SUCCESS', 'FAILURE', 'SKIPPED', 'SKIPPED', 'SUCCESS', 'SUCCESS'],
  );
  for (const line of ['x', 'ok 1\n']) {
    const large = await read(directory ?? '', ktapText(madeReport([largeRun(line)])));
    t.strictSame(large.leaves, [['sysrq-task / stock / trial 1', 'FAILURE']]);
  }
});

t.test('and it notices what is missing', { skip }, async (t) => {
  const text = ktapText(madeReport(mixedRuns()));
  t.ok((await read(directory ?? '', text.replace(/^ {4}not ok 2 .*\n/m, ''))).errors > 0);
});
