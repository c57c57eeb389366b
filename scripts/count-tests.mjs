// Adds up TAP files and prints the closing line that CI reads. The first argument says whether another check failed.
import { readFileSync } from 'node:fs';
import { Parser } from 'tap-parser';

const [otherFailures, ...files] = process.argv.slice(2);
const sum = { passed: 0, failed: Number(otherFailures), skipped: 0 };
for (const file of files) {
  const before = sum.passed + sum.failed + sum.skipped;
  const parser = new Parser();
  countAssertions(parser);
  parser.end(readFileSync(file, 'utf8'));
  if (sum.passed + sum.failed + sum.skipped === before) {
    console.error(`test: ${file} holds no test`);
    sum.failed += 1;
  } else if (parser.results?.ok !== true && sum.failed === 0) {
    // A file that crashed, or a plan that was not met, fails the run without a failed assertion.
    sum.failed += 1;
  }
}
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
process.exitCode = sum.failed === 0 && sum.passed > 0 ? 0 : 1;

/** Counts the assertions themselves: the line that closes a subtest repeats what is inside it. */
function countAssertions(parser) {
  let closesSubtest = false;
  parser.on('child', (child) => {
    closesSubtest = true;
    countAssertions(child);
  });
  parser.on('assert', ({ ok, skip, todo }) => {
    const repeats = closesSubtest;
    closesSubtest = false;
    if (repeats) return;
    if (skip || todo) sum.skipped += 1;
    else if (ok) sum.passed += 1;
    else sum.failed += 1;
  });
}
