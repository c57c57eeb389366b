import t from 'tap';
import { listedBytes } from './contents.js';

void t.test('a listing is pairs of digits and comments', (t) => {
  t.strictSame(listedBytes('7f 45 # ELF\n# 00\n4c46\n', 'x.hex'), Buffer.from([0x7f, 0x45, 0x4c, 0x46]));
  for (const text of ['', '# 00', '7f 4', '7f 4g', '0x7f']) {
    const fault = { kind: 'harness', message: /cannot put listing "x\.hex" into an image: .*; restore it/ };
    t.throws(() => listedBytes(text, 'x.hex'), fault, text);
  }
  t.end();
});
