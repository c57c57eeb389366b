import { readFileSync } from 'node:fs';
import t from 'tap';
import { isAboutKernel, VERDICT_WORDS, VERDICTS } from './verdict.js';

t.test('every group of verdicts, by name', async (t) => {
  const group = (of: (word: (typeof VERDICT_WORDS)[number]) => boolean) => VERDICT_WORDS.filter(of);
  t.strictSame(
    group((word) => !isAboutKernel(word)),
    ['cannot-tell', 'void', 'harness-error'],
  );
  t.strictSame(
    group((word) => VERDICTS[word].leftFirstKernel),
    [
      ...['captured', 'purgatory-hang', 'capture-hang', 'capture-panic', 'capture-reset'],
      'capture-no-vmcore',
    ],
    'those that a run without a crash kernel cannot have',
  );
  t.strictSame(
    group((word) => !VERDICTS[word].captureDue),
    ['no-panic', 'no-crash-kernel', 'boot-failed', 'cannot-tell', 'void', 'harness-error'],
    'those that kernels are not compared by',
  );
  t.strictSame(
    group((word) => VERDICTS[word].trialClass === 'hung'),
    ['crash-path-hang', 'purgatory-hang', 'capture-hang'],
  );
  t.strictSame(
    group((word) => VERDICTS[word].end === 'unknown'),
    ['boot-failed', 'cannot-tell', 'void', 'harness-error'],
    'those after which a point is tried again',
  );
  t.strictSame(
    group((word) => VERDICTS[word].hasQuality),
    ['captured'],
  );
});

t.test('what is filed of a word does not contradict itself', async (t) => {
  for (const word of VERDICT_WORDS) {
    const { captureDue, leftFirstKernel, otherwise, trialClass, end } = VERDICTS[word];
    if (leftFirstKernel) t.ok(captureDue, word);
    if (captureDue) t.equal(otherwise, 'unexpected', word);
    t.equal(end === 'captured', trialClass === 'captured', word);
    t.equal(['void', 'harnessErrors'].includes(trialClass), !isAboutKernel(word), word);
  }
});

t.test('docs/verdicts.md has a row for every word, and for no other', async (t) => {
  const page = readFileSync(new URL('../../docs/verdicts.md', import.meta.url), 'utf8');
  const [, table = ''] = /^## Words\n([\s\S]*?)^## /m.exec(page) ?? [];
  const rows = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, word]) => word);
  t.strictSame(rows, [...VERDICT_WORDS]);
});
