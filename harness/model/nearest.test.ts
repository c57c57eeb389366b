import t from 'tap';
import { nearest } from './nearest.js';

t.test('nearest: what may be meant, and nothing else', async (t) => {
  t.strictSame(nearest('rum', ['run', 'list', 'show']), ['run']);
  t.strictSame(nearest('zzzzzz', ['run', 'list']), []);
  t.strictSame(nearest('pc', ['pc', 'q35', 'pc-q35-7.2', 'isapc']), ['pc', 'pc-q35-7.2']);
  t.strictSame(nearest('a', []), []);
  t.equal(nearest('aaaa', ['aaab', 'aabb', 'aaac', 'aaad', 'aaae']).length, 3);
});

t.test('nearest: however far, and as many as asked for', async (t) => {
  t.strictSame(nearest('zz', ['stock', 'no-zap', 'stock'], { howeverFar: true }), ['stock', 'no-zap']);
  t.strictSame(nearest('6.1.2', ['6.1.1', '6.1.3', '6.1.22'], { count: 2 }), ['6.1.1', '6.1.3']);
});
