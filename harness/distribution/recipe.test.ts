import t from 'tap';
import { DISTRIBUTIONS, recipeOf } from './recipe.js';

void t.test('the distributions that can be built', async (t) => {
  for (const spec of DISTRIBUTIONS) t.ok(recipeOf(spec).packages.includes('kdump-tools'));
  t.equal(recipeOf('debian:12').suite, 'bookworm');
});

void t.test('others are refused, with the nearest', async (t) => {
  t.throws(() => recipeOf('debian:21'), {
    kind: 'usage',
    message: /"debian:21": .*did you mean "debian:12"\?/,
  });
  t.throws(() => recipeOf('toString'), { message: /crashpath has no recipe for it; give debian:12/ });
});
