import t from 'tap';
import { VMCORE_READS } from './guest-defaults.js';
import { readingOf, readingWords } from './vmcore-reading.js';

void t.test('a command line tells what was asked for', async (t) => {
  for (const reading of VMCORE_READS) {
    t.equal(readingOf(['irqpoll', ...readingWords(reading), 'quiet'].join(' ')), reading);
  }
  t.strictSame(readingWords('whole'), [], 'the default takes no word');
});

void t.test('what only looks like it is the default', async (t) => {
  for (const text of [
    '',
    'my.crashpath.vmcore=nonce',
    'note="crashpath.vmcore=mapped"',
    'crashpath.vmcore=map',
  ]) {
    t.equal(readingOf(text), 'whole', text);
  }
});
