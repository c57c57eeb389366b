import t from 'tap';
import { broadcastFrame } from './broadcast-frame.js';

void t.test('a broadcast frame that no protocol takes', async (t) => {
  const frame = broadcastFrame(60);
  t.equal(frame.length, 60);
  t.equal(frame.subarray(0, 6).toString('hex'), 'ffffffffffff');
  t.equal(frame.readUInt16BE(12), 0x88b5);
});
