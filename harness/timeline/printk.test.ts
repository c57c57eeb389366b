import t from 'tap';
import { isQuiet } from './printk.js';

t.test('words that keep warnings from the console', async (t) => {
  for (const word of ['quiet', 'loglevel=3', 'sysctl.kernel.printk=1', 'sysctl.kernel/printk=1'])
    t.ok(isQuiet(`console=ttyS0 ${word} elfcorehdr=1`), word);
  for (const word of [
    'rd.quiet',
    'quietly',
    'ignore_loglevel',
    'sysctl.kernel.printk_ratelimit=1',
    'loglevel',
  ])
    t.notOk(isQuiet(`console=ttyS0 ${word} elfcorehdr=1`), word);
});
