import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { PACKAGE_ROOT } from '../cli/context.js';

void t.test('pages that code and comments name exist', async (t) => {
  const harness = join(PACKAGE_ROOT, 'harness');
  const missing = readdirSync(harness, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const named = readFileSync(join(harness, file), 'utf8').matchAll(
        /\bdocs\/[a-z-]+(?:\.md)?(?![\w/.-])/g,
      );
      return [...named].map(([page]) => `${file}: ${page}`);
    })
    .filter((line) => !existsSync(join(PACKAGE_ROOT, line.split(': ')[1] ?? '')));
  t.strictSame(missing, []);
});
