import t from 'tap';
import { parseRecords } from './deb822.js';

void t.test('records are divided by empty lines; continuation lines are left out', async (t) => {
  const text = 'Package: a\nVersion: 1:2-3\nDescription: x\n Version: 9\n .\n more\n\nPackage: b\n\n\n';
  t.strictSame(
    parseRecords(text).map((record) => Object.fromEntries(record)),
    [{ Package: 'a', Version: '1:2-3', Description: 'x' }, { Package: 'b' }],
  );
});
