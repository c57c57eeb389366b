import t from 'tap';
import { readRegisters } from '../hmp/registers.js';
import { GdbRemoteError, GdbStateError, GdbTimeoutError } from '../qemu/gdbstub/index.js';
import { madeRegisters } from '../testing/builders/registers.js';
import { refreshHeld } from './refresh-held.js';

const TEXT = 'CPU#0\nRIP=ffffffff81000000 RFL=00000046 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\n';

/** How often a vCPU is let into the guest. */
async function refreshes(rflags: bigint, text = TEXT, failure?: Error): Promise<number> {
  let times = 0;
  await refreshHeld(0, {
    registers: readRegisters(text),
    gdb: {
      readRegisters: async () => madeRegisters({ rflags }),
      async reenter() {
        times += 1;
        if (failure !== undefined) throw failure;
      },
    },
  });
  return times;
}

t.test('a held vCPU is read anew, unless it would take interrupts or not come back', async (t) => {
  t.equal(await refreshes(0x46n), 1);
  t.equal(await refreshes(0x246n), 0, 'interrupts on');
  t.equal(await refreshes(0x46n, TEXT.replace('HLT=0', 'HLT=1')), 0, 'halted');
  t.equal(await refreshes(0x46n, ''), 0, 'not shown');
});

t.test('what cannot be read anew is shown as it stopped; other failures are failures', async (t) => {
  t.equal(await refreshes(0x46n, TEXT, new GdbStateError('all debug registers are used')), 1);
  t.equal(await refreshes(0x46n, TEXT, new GdbTimeoutError('late', 1)), 1);
  await t.rejects(refreshes(0x46n, TEXT, new GdbRemoteError('read', 'g', 1, 'no')), {
    name: 'GdbRemoteError',
  });
});
