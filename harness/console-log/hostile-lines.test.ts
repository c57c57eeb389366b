import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { madePlan } from '../testing/builders/runs.js';
import { fixtureNames, TESTDATA } from '../testing/recordings/fixtures.js';
import { usedPatterns, whyNotLinear } from '../testing/regexps.js';
import { LOG_SIGNATURES } from '../timeline/log-signatures.js';
import { SIGNATURES } from '../timeline/signatures.js';
import { createTimeline } from '../timeline/timeline.js';
import { createLogReader } from './read-log.js';

/** Terminal sequences are removed by libraries. */
const isOfLibrary = ({ source }: RegExp) => source.includes(String.raw`\u001B`);
/** Of a kernel's command line, once for each boot: each round begins with a character that is nowhere else in it. */
const SAFE: readonly string[] = [
  String.raw`(?:[^\s"]|"[^"]*"?)+`,
  String.raw`^(?:0|\d{1,12}[KMGT])-(?:\d{1,12}[KMGT])?:(?:0|\d{1,12}[KMGT])(?:,(?:0|\d{1,12}[KMGT])-(?:\d{1,12}[KMGT])?:(?:0|\d{1,12}[KMGT]))*(?:@\d{1,12}[KMGT])?$`,
];

/** jointKernelMessage() counts the groups of a message with it. */
const isCounted = ({ source }: RegExp) => source.endsWith('|');
/** A joint pattern of fewer rows than another; all signatures are looked at one by one. */
const isPart = ({ source }: RegExp, all: readonly RegExp[]) =>
  source.includes('()|') && all.some((other) => other.source.length > source.length + 400);

t.test('no pattern that reads a line of a guest takes more steps than the line is long', async (t) => {
  const names = await fixtureNames();
  const logs = (await readdir(join(TESTDATA, 'logs'))).map((name) => join(TESTDATA, 'logs', name));
  const files = [...names.map((name) => join(TESTDATA, name, 'console.bin')), ...logs];
  const texts = await Promise.all(files.map((file) => readFile(file)));
  const used = usedPatterns(() => {
    const timeline = createTimeline(madePlan().limits);
    for (const bytes of texts) timeline.push({ kind: 'chunk', atMs: 1, channel: 'console', bytes });
    for (const bytes of texts) {
      const reader = createLogReader('log');
      reader.push(bytes);
      reader.finish();
    }
  });
  t.ok(used.length > 60, `${used.length} patterns`);
  const rows = [...SIGNATURES, ...LOG_SIGNATURES].map(({ pattern }) => pattern);
  const whys = [...rows, ...used]
    .filter((one) => !isOfLibrary(one) && !isCounted(one) && !isPart(one, used) && !SAFE.includes(one.source))
    .flatMap((one) => {
      const why = whyNotLinear(one);
      return why === undefined ? [] : [`${why}: ${one}`];
    });
  t.strictSame([...new Set(whys)], []);
});

t.test('patterns that take more steps are found', async (t) => {
  const found = (pattern: RegExp, why: RegExp | undefined) =>
    why === undefined
      ? t.equal(whyNotLinear(pattern), undefined, String(pattern))
      : t.match(whyNotLinear(pattern), why, String(pattern));
  found(/^(?:a+)+$/, /repeats a group/);
  found(/rcu: INFO: \S+ .*stall/, /may begin inside of it/);
  found(/^a*a/, /may begin inside of it/);
  found(/^[ab]*(?:c|b)/, /may begin inside of it/);
  found(/\s+$/, /begins the pattern/);
  found(/(?:x|\s)\s*$/, /inside of a longer one/);
  found(/.{0,4096}x/, /4096 times/);
  found(/^a*b/, undefined);
  found(/: (.*)$/, undefined);
  found(/: (\S*)$/, undefined);
  found(/: .*/, undefined);
  found(/irq \d+: nobody cared/, undefined);
});
