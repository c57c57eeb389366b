import t from 'tap';
import { shellQuote } from './shell-words.js';

t.test('a command line for a shell', async (t) => {
  t.equal(shellQuote(['qemu', '-m', '768M', '-append', 'a b', '']), "qemu -m 768M -append 'a b' ''");
  t.equal(shellQuote(["it's", '$(reboot)', 'a;b']), String.raw`'it'\''s' '$(reboot)' 'a;b'`);
});
