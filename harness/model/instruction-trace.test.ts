import t from 'tap';
import { HostRecordSchema } from './record.js';

const STAMP = { seq: 7, atMs: 1.5 };
const INSTRUCTION = { at: '0x1000', label: 'f+0x0/0x10', text: 'call 0x2000', tookMs: 3, noticed: 'watch' };
const TRACED = {
  ...STAMP,
  fact: 'traced',
  first: 128,
  instructions: [
    { ...INSTRUCTION, executed: 'over' },
    { at: '0x1005', label: 'f+0x5/0x10', text: 'nop', executed: 'step', cr3: '0x4870000' },
  ],
};

t.test('a recorded instruction trace is read as it was written', async (t) => {
  t.strictSame(HostRecordSchema.parse(TRACED), TRACED);
});

t.test('an older recording, with "walked" and "went", is read as the same', async (t) => {
  const walked = {
    ...STAMP,
    fact: 'walked',
    first: 128,
    instructions: [
      { ...INSTRUCTION, went: 'over' },
      { at: '0x1005', label: 'f+0x5/0x10', text: 'nop', went: 'step', cr3: '0x4870000' },
    ],
  };
  t.strictSame(HostRecordSchema.parse(walked), TRACED);
  t.equal(HostRecordSchema.safeParse({ ...walked, fact: 'strolled' }).success, false);
});
