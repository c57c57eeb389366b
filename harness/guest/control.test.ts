import t from 'tap';
import { createRequestWriter, writeFileScript } from './control.js';

t.test('requests have increasing ids and carry their words as base64', async (t) => {
  const writer = createRequestWriter();
  t.equal(writer.ping().bytes.toString(), '1 ping\n');
  const text = 'console=ttyS0 a="b c"\n9 fire x';
  const { id, bytes } = writer.arm('cp-00ff', { loadSyscall: 'kexec_load', append: text });
  t.equal(id, 2);
  const [, verb, nonce, option, append = '', ...rest] = bytes.toString().trimEnd().split(' ');
  t.strictSame([verb, nonce, option, rest], ['arm', 'cp-00ff', '-c', []], 'no word of the text leaks');
  t.equal(Buffer.from(append, 'base64').toString(), text);
  const empty = writer.arm(undefined, { loadSyscall: 'kexec_file_load', append: '' }).bytes.toString();
  t.equal(empty, '3 arm - -s \n', 'an empty command line leaves the other words where they are');
  t.match(writer.fire('echo c').bytes.toString(), /^4 fire [A-Za-z0-9+/=]+\n$/);
  t.throws(() => writer.script('x'.repeat(20_000)), RangeError);
});

t.test('a value is written whatever characters it has', async (t) => {
  const script = writeFileScript('/proc/sys/kernel/core_pattern', `a'b"; $(reboot) \``);
  t.match(script, /^echo [A-Za-z0-9+/=]+ \| base64 -d >\/proc\/sys\/kernel\/core_pattern$/);
});
