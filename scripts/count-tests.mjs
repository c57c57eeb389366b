// Adds up TAP files, names what failed, and prints the closing line that CI reads.
//   count-tests.mjs CHECK_STATUS FILE=STATUS...
// STATUS: the exit status of the command that wrote the file. The list of failures stands at the end because CI keeps
// the end of the output only.
import { readFileSync } from 'node:fs';
import { Parser } from 'tap-parser';

const DIAGNOSTICS_MOST = 1500;
const [checkStatus, ...runs] = process.argv.slice(2);
const sum = { passed: 0, failed: 0, skipped: 0 };
const failures = [];
if (checkStatus !== '0') fail('npm run check');
for (const run of runs) countFile(...run.split('='));
for (const failure of failures) console.log(`failed: ${failure}`);
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = sum.failed === 0 && sum.passed > 0 ? 0 : 1;

/** Counts one file. One that crashed, or whose plan was not met, has failed without a failed assertion. */
function countFile(file, status) {
  const before = { ...sum };
  const parser = new Parser();
  countAssertions(parser, []);
  parser.end(readFileSync(file, 'utf8'));
  if (sum.passed + sum.failed + sum.skipped === before.passed + before.failed + before.skipped) {
    fail(`${file} holds no test`);
  } else if ((parser.results?.ok !== true || status !== '0') && sum.failed === before.failed) {
    fail(`${file}: no assertion failed, but the run did (exit ${status})`);
  }
}

/** Counts the assertions themselves: the line that closes a subtest repeats what is inside it. */
function countAssertions(parser, path) {
  let closesSubtest = false;
  parser.on('child', (child) => {
    closesSubtest = true;
    countAssertions(child, [...path, child.name]);
  });
  parser.on('assert', ({ ok, skip, todo, name, diag }) => {
    const repeats = closesSubtest;
    closesSubtest = false;
    if (repeats) return;
    if (skip || todo) sum.skipped += 1;
    else if (ok) sum.passed += 1;
    else fail([...path, name].join(' > '), diag);
  });
}

function fail(name, diagnostics) {
  sum.failed += 1;
  const detail = diagnostics ? `\n  ${JSON.stringify(diagnostics).slice(0, DIAGNOSTICS_MOST)}` : '';
  failures.push(`${name}${detail}`);
}
