import t from 'tap';
import type { Autopsy, AutopsyFrame } from '../model/autopsy.js';
import { HostRecordSchema, type HostFact } from '../model/record.js';
import { functionsOf } from './cpu-stack.js';
import { autopsyInJson, stacksOfAutopsy, stacksOfRun } from './from-autopsy.js';

const frame = (label: string, changes: Partial<AutopsyFrame> = {}): AutopsyFrame => ({
  address: 'ffffffff81000000',
  label,
  function: label.replace(/\+.*/, ''),
  source: 'orc',
  reliable: true,
  interrupted: false,
  ...changes,
});

const AUTOPSY: Autopsy = {
  version: 1,
  kernels: [],
  vcpus: [
    {
      ...{ vcpu: 0, state: 'parked', interruptsOn: false, place: 'first-kernel', registers: {} },
      ...{ complete: true, ended: 'the bottom' },
      frames: [
        frame('crash_nmi_callback+0x40/0x4a', { source: 'registers' }),
        frame('end_repeat_nmi+0x16/0x67'),
        frame('mask_ioapic_irq+0x17/0x42', { interrupted: true }),
        frame('ffffffff81234567', { function: undefined }),
        frame('old_word+0x1/0x2', { reliable: false, source: 'scan' }),
      ],
    },
    {
      ...{ vcpu: 1, state: 'running', interruptsOn: true, place: 'user', registers: {} },
      ...{ complete: true, ended: 'user mode', frames: [] },
    },
  ],
  waits: [],
  interrupts: [],
  findings: [],
  unknown: [],
};

t.test('an autopsy: frames with their places, without those that have no name', async (t) => {
  const stacks = stacksOfAutopsy(AUTOPSY);
  t.match(stacks, [{ cpu: 0, name: 'vCPU 0', form: 'autopsy' }]);
  t.equal(stacks.length, 1, 'a vCPU without frames has no stack');
  t.strictSame(stacks[0]?.frames, [
    { function: 'crash_nmi_callback', offset: 0x40, size: 0x4a, reliable: true },
    { function: 'end_repeat_nmi', offset: 0x16, size: 0x67, reliable: true },
    { function: 'mask_ioapic_irq', offset: 0x17, size: 0x42, reliable: true, interruptedBy: 'nmi' },
    { function: 'old_word', offset: 1, size: 2, reliable: false },
  ]);
  const hostile = {
    ...AUTOPSY,
    vcpus: AUTOPSY.vcpus.map((vcpu) => ({ ...vcpu, frames: [frame('a b\n: {x: 1}+0x1/0x2')] })),
  };
  t.strictSame(stacksOfAutopsy(hostile), [], 'names that no symbol has');
});

t.test('an autopsy in JSON, alone or inside another object', async (t) => {
  t.strictSame(autopsyInJson(JSON.stringify(AUTOPSY)), JSON.parse(JSON.stringify(AUTOPSY)));
  t.strictSame(
    autopsyInJson(JSON.stringify({ schema: 1, autopsy: AUTOPSY })),
    JSON.parse(JSON.stringify(AUTOPSY)),
  );
  for (const text of ['', '[]', '{', '{"version":1}', 'CPU4:\npanic', '{"autopsy":null}'])
    t.equal(autopsyInJson(text), undefined, text);
});

t.test('a recording: its autopsy, or the stacks that it has without one', async (t) => {
  const fact = (value: object): HostFact => HostRecordSchema.parse({ seq: 1, atMs: 1, ...value });
  const stack = fact({
    fact: 'stack',
    vcpu: 0,
    functions: ['a', 'end_repeat_nmi', 'b', '? c', 'd e'],
    line: 'a < b',
  });
  const place = fact({
    ...{ fact: 'last-place', vcpu: 0, place: 'first-kernel', rip: '1', halted: true, interruptsOn: false },
    where: 'a+0x12/0x34',
  });
  t.match(stacksOfRun([place, stack]), {
    autopsy: undefined,
    stacks: [
      {
        cpu: 0,
        frames: [
          { function: 'a', offset: 0x12 },
          {},
          { function: 'b', interruptedBy: 'nmi' },
          { function: 'c', reliable: false },
        ],
      },
    ],
  });
  const both = stacksOfRun([place, stack, fact({ fact: 'autopsy', autopsy: AUTOPSY })]);
  t.strictSame(both.stacks.map(functionsOf), [
    ['crash_nmi_callback', 'end_repeat_nmi', 'mask_ioapic_irq', 'old_word'],
  ]);
  t.strictSame(stacksOfRun([]), { stacks: [], autopsy: undefined });
});
