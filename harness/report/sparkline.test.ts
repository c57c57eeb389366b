import t from 'tap';
import { sparkline } from './sparkline.js';

const points = (text: string) =>
  text.split(' ').map((count) => {
    const [failures = 0, judged = 0] = count.split('/').map(Number);
    return { failures, judged };
  });

t.test('each point has a character', async (t) => {
  const some = points('0/10 1/1000 5/10 999/1000 10/10 0/0');
  t.equal(sparkline(some, { unicode: false }), '0159X.');
  t.equal(sparkline(some, { unicode: true }), '▁▂▅▇█·');
  t.equal(sparkline([], { unicode: true }), '');
});

t.test('the latest ones are shown', async (t) => {
  const many = [...points('1/1'), ...Array.from({ length: 24 }, () => ({ failures: 0, judged: 1 }))];
  t.equal(sparkline(many, { unicode: false }), `<${'0'.repeat(24)}`);
  t.equal(sparkline(many.slice(1), { unicode: false }), '0'.repeat(24));
});
