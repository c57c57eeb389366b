import t from 'tap';
import { panicBuffersIn, panicsIn } from './panic-text.js';

const VFS = 'VFS: Unable to mount root fs on "/dev/none" or unknown-block(0,0)';
/** A record as the ring buffer has it: an id, the text, and what follows it. */
const record = (text: string, after = '\0') =>
  Buffer.concat([Buffer.from('ffffffff7fffff01', 'hex'), Buffer.from(text + after, 'latin1')]);
const panic = (message: string) => record(`Kernel panic - not syncing: ${message}`);

void t.test('a record with a panic', async (t) => {
  t.strictSame(panicsIn(panic(VFS)), [VFS]);
  t.strictSame(panicsIn(Buffer.concat([Buffer.alloc(64), panic(VFS), panic('Attempted to kill init!')])), [
    VFS,
  ]);
  const two = Buffer.concat([panic(VFS), Buffer.alloc(8 - (panic(VFS).length % 8)), panic('other')]);
  t.strictSame(panicsIn(two), [VFS, 'other']);
});

void t.test('near misses', async (t) => {
  t.strictSame(panicsIn(panic('%s\n')), [], "panic()'s own format");
  t.strictSame(panicsIn(record(`---[ end Kernel panic - not syncing: ${VFS} ]---`)), [], 'the end mark');
  t.strictSame(panicsIn(Buffer.concat([Buffer.alloc(1), panic(VFS)])), [], 'no record begins there');
  t.strictSame(panicsIn(panic(VFS).subarray(8)), [], 'there is no id before it');
  t.strictSame(panicsIn(panic('')), []);
  t.strictSame(panicsIn(panic('x'.repeat(2000))), [], 'longer than any record');
  t.strictSame(panicsIn(Buffer.alloc(0)), []);
});

void t.test('the end of the message, from the buffer of panic()', async (t) => {
  const buffer = (text: string) => Buffer.from(`xyz${text}\0rest`, 'latin1');
  t.strictSame(panicBuffersIn(buffer(VFS), `${VFS}0)`), [VFS]);
  t.strictSame(panicBuffersIn(buffer(VFS), VFS), [VFS]);
  t.strictSame(panicBuffersIn(panic(`${VFS}0)`), `${VFS}0)`), [], 'the record itself');
  t.strictSame(panicBuffersIn(buffer(`${VFS} and more`), VFS), [], 'another message');
  t.strictSame(panicBuffersIn(Buffer.from(VFS, 'latin1'), `${VFS}0)`), [], 'no NUL ends it');
  t.strictSame(panicBuffersIn(Buffer.from(`${VFS}\n\0`, 'latin1'), `${VFS}0)`), [], 'it ends in a line feed');
});
