import t from 'tap';
import { isAtLeast, leadingVersion } from './version.js';

void t.test('the version that a text begins with', async (t) => {
  t.strictSame(leadingVersion('7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)'), { major: 7, minor: 2 });
  t.strictSame(leadingVersion('8.1'), { major: 8, minor: 1 });
  for (const text of ['', 'unknown', '8', 'v8.1', '123456.1']) t.equal(leadingVersion(text), undefined, text);
});

void t.test('this one or later, by number and not by text', async (t) => {
  const oldest = { major: 8, minor: 1 };
  for (const text of ['8.1', '8.10', '9.0', '10.0'])
    t.ok(isAtLeast(leadingVersion(text) ?? oldest, oldest), text);
  for (const text of ['8.0', '7.2', '7.10']) t.notOk(isAtLeast(leadingVersion(text) ?? oldest, oldest), text);
});
