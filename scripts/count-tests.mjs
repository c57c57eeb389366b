// Adds up TAP files and prints the closing line that CI reads. The first argument says whether another check failed.
import { readFileSync } from 'node:fs';
import { Parser } from 'tap-parser';

const [otherFailures, ...files] = process.argv.slice(2);
const sum = { pass: 0, fail: Number(otherFailures), skip: 0 };
for (const file of files) {
  const parser = new Parser();
  parser.end(readFileSync(file, 'utf8'));
  const counts = parser.results?.counts;
  if (counts === undefined)
    throw new Error(`cannot read test results "${file}": no TAP in it; run scripts/test again`);
  sum.pass += counts.pass;
  sum.fail += counts.fail;
  sum.skip += counts.skip;
}
console.log(`${sum.pass} passed, ${sum.fail} failed, ${sum.skip} skipped`);
process.exit(sum.fail === 0 && sum.pass > 0 ? 0 : 1);
