import t from 'tap';
import { keptVmcore } from './kept-vmcore.js';

const RUN = {
  scenario: { name: 'sysrq-task', crashKernel: 'loaded' as const },
  machine: { type: 'pc', memoryMiB: 768 },
  kernel: { bits: 64 as const, spec: 'debian:6.1' },
  captureKernel: { bits: 64 as const, spec: 'debian:6.1' },
};

void t.test('a disk for a dump of all memory, and time for it', async (t) => {
  t.equal(keptVmcore(undefined, RUN), undefined);
  t.strictSame(keptVmcore('all', RUN), {
    plan: { of: 'all', diskMiB: 832 },
    words: ['crashpath.dump=31,98'],
    dumpMs: 98_400,
  });
});

void t.test('a run without a crash kernel has no disk', async (t) => {
  const scenario = { name: 'no-crash-kernel', crashKernel: 'absent' as const };
  const machine = { type: 'microvm', memoryMiB: 768 };
  t.strictSame(keptVmcore('failed', { ...RUN, scenario, machine }), {
    plan: { of: 'failed' },
    words: [],
    dumpMs: 0,
  });
});

void t.test('runs that cannot keep one are refused by name', async (t) => {
  const refused = (change: Partial<Parameters<typeof keptVmcore>[1]>, message: RegExp) =>
    t.throws(() => keptVmcore('failed', { ...RUN, ...change }), { kind: 'usage', message });
  refused(
    { machine: { type: 'microvm,pit=off', memoryMiB: 768 } },
    /"sysrq-task": machine microvm,pit=off has no PCI/,
  );
  refused({ machine: { type: 'type=isapc', memoryMiB: 768 } }, /no PCI/);
  refused({ captureKernel: { bits: 32, spec: 'debian:6.1-686' } }, /kernel debian:6.1-686 is a 32-bit one/);
  refused({ host: 'ssh://box' }, /host ssh:\/\/box/);
  t.ok(keptVmcore('failed', { ...RUN, machine: { type: 'q35', memoryMiB: 768 } }));
});
