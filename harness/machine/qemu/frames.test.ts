import t from 'tap';
import { createFrameCounter, streamed } from './frames.js';

void t.test('a frame goes behind its length', async (t) => {
  t.equal(streamed(Buffer.alloc(60)).subarray(0, 4).toString('hex'), '0000003c');
});

void t.test('frames are counted whatever pieces they come in', async (t) => {
  const stream = Buffer.concat([streamed(Buffer.alloc(60)), streamed(Buffer.alloc(1514))]);
  for (const piece of [1, 3, 63, 64, 65, stream.length]) {
    const counter = createFrameCounter();
    for (let at = 0; at < stream.length; at += piece) counter.push(stream.subarray(at, at + piece));
    t.equal(counter.frames, 2, `pieces of ${piece}`);
  }
});

void t.test('a length that QEMU never sends ends the counting', async (t) => {
  const counter = createFrameCounter();
  counter.push(Buffer.from('7fffffff', 'hex'));
  counter.push(streamed(Buffer.alloc(60)));
  t.equal(counter.frames, 1);
});
