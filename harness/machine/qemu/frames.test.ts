import t from 'tap';
import { broadcastFrame, createFrameCounter, streamed } from './frames.js';

void t.test('a broadcast frame that no protocol takes', async (t) => {
  const frame = broadcastFrame(60);
  t.equal(frame.length, 60);
  t.equal(frame.subarray(0, 6).toString('hex'), 'ffffffffffff');
  t.equal(frame.readUInt16BE(12), 0x88b5);
  t.equal(streamed(frame).subarray(0, 4).toString('hex'), '0000003c', 'its length goes before it');
});

void t.test('frames are counted whatever pieces they come in', async (t) => {
  const stream = Buffer.concat([streamed(broadcastFrame(60)), streamed(broadcastFrame(1514))]);
  for (const piece of [1, 3, 63, 64, 65, stream.length]) {
    const counter = createFrameCounter();
    for (let at = 0; at < stream.length; at += piece) counter.push(stream.subarray(at, at + piece));
    t.equal(counter.frames, 2, `pieces of ${piece}`);
  }
});

void t.test('a length that QEMU never sends ends the counting', async (t) => {
  const counter = createFrameCounter();
  counter.push(Buffer.from('7fffffff', 'hex'));
  counter.push(streamed(broadcastFrame(60)));
  t.equal(counter.frames, 1);
});
