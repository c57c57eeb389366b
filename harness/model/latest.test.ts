import t from 'tap';
import { keepLatest } from './latest.js';

t.test('what is asked for again is made once, while it is among the latest', async (t) => {
  const made: string[] = [];
  const upper = keepLatest(2, (text: string) => {
    made.push(text);
    return text.toUpperCase();
  });
  t.strictSame(['a', 'b', 'a', 'b', 'a'].map(upper), ['A', 'B', 'A', 'B', 'A']);
  t.strictSame(made, ['a', 'b']);
  upper('c');
  upper('a');
  t.strictSame(made, ['a', 'b', 'c'], 'a was asked for later than b');
  upper('b');
  t.strictSame(made, ['a', 'b', 'c', 'b'], 'which was forgotten');
});
