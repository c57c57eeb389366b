import t from 'tap';
import { readRegisters } from '../hmp/registers.js';
import type { InterruptMessage } from '../machine/machine.js';
import { parseKallsyms } from '../symbols/index.js';
import { madeRegisters } from '../testing/builders/registers.js';
import type { ChoreographyContext } from './context.js';
import { directCall } from './directed-call.js';

const TEXT = 'CPU#0\nRIP=ffffffff81000010 RFL=00000046 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\n';

/** A vCPU at the start of `name`, and what is done to it. */
async function directed(name: string, text: string) {
  const parsed = parseKallsyms(
    `ffffffff81000010 T ${name}\nffffffff81000100 T panic\nffffffff81000200 T end\n`,
  );
  if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
  const done: string[] = [];
  const context = {
    symbols: parsed.table,
    gdb: {
      readRegisters: async () =>
        madeRegisters({ rip: 0xffffffff81000010n, rsp: 0xffffc90000001000n, cs: 0x10n }),
      readMemory: async (_: bigint, length: number) => Buffer.alloc(length),
      writeMemory: async () => undefined,
      writeRegister: async (_: number, register: string) => void done.push(register),
    },
    vcpuRegisters: async () => readRegisters(text),
    interrupt: async (vcpu: number, message: InterruptMessage) => {
      done.push(`${Object.keys(message).join()} ${vcpu}`);
      return 0;
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part that a directed call uses
  await directCall(0, { function: 'panic', args: [] }, context as unknown as ChoreographyContext);
  return done;
}

t.test(
  'a vCPU that waits for a paravirtual lock in hlt is directed, and woken; others in hlt are not',
  async (t) => {
    const halted = TEXT.replace('HLT=0', 'HLT=1');
    t.strictSame(await directed('kvm_wait', halted), ['rsp', 'rax', 'rip', 'kick 0']);
    t.strictSame(await directed('kvm_wait', TEXT), ['rsp', 'rax', 'rip'], 'it is awake');
    await t.rejects(directed('default_idle', halted), { name: 'NotReached', saw: /^it is halted/ });
  },
);
