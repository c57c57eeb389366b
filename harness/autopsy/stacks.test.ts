import t from 'tap';
import type { Armed } from '../model/event.js';
import { GdbClosedError, GdbRemoteError } from '../qemu/gdbstub/index.js';
import { parseKallsyms, type SymbolTable } from '../symbols/index.js';
import { madeRegisters } from '../testing/builders/registers.js';
import { type DeadMachine, stacksOf } from './stacks.js';

const TEXT = 0xffffffff81000000n;
/** Offset of the capture kernel. */
const MOVED = 0x3000000n;
const IDT = 0xfffffe0000000000n;
const USER_CS = 0x33n;

const ARMED: Armed = {
  status: 0,
  loaded: true,
  crashSize: 0xc000000n,
  ranges: [{ first: 0x17000000n, last: 0x22ffffffn }],
  segments: [],
  errors: [],
};

function symbols(): SymbolTable {
  const parsed = parseKallsyms(
    [
      `${TEXT.toString(16)} T spinning`,
      `${(TEXT + 0x100n).toString(16)} T asm_exc_divide_error`,
      `${(TEXT + 0x200n).toString(16)} T asm_exc_general_protection`,
      `${(TEXT + 0x300n).toString(16)} T end`,
      '',
    ].join('\n'),
  );
  if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
  return parsed.table;
}

/** The gate of a handler as the CPU has it (Intel SDM volume 3, 6.14.1). */
function gate(handler: bigint): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt16LE(Number(handler & 0xffffn), 0);
  bytes.writeUInt8(0x8e, 5);
  bytes.writeUInt16LE(Number((handler >> 16n) & 0xffffn), 6);
  bytes.writeUInt32LE(Number(handler >> 32n), 8);
  return bytes;
}

/** Three vCPUs: in the crashed kernel, in user mode, in the capture kernel. Their stacks cannot be read. */
function machine(changes: Partial<DeadMachine> = {}): DeadMachine {
  const vcpus = [
    madeRegisters({ rip: TEXT + 4n, cr3: 0x4870000n }),
    madeRegisters({ rip: 0x401000n, cs: USER_CS }),
    madeRegisters({ rip: TEXT + MOVED + 4n, cr3: 0x1a000000n }),
  ];
  return {
    gdb: {
      vcpus: [0, 1, 2],
      readRegisters: async (vcpu) => vcpus[vcpu] ?? madeRegisters(),
      readMemory: async (address) => {
        if (address === IDT) return gate(TEXT + 0x100n + MOVED);
        if (address === IDT + 13n * 16n) return gate(TEXT + 0x200n + MOVED);
        throw new GdbRemoteError('read', 'm', 0x14, 'not mapped');
      },
      readPhysicalMemory: async () => {
        throw new GdbRemoteError('read', 'm', 0x14, 'not mapped');
      },
      interrupt: async () => undefined,
    },
    symbols: symbols(),
    armed: ARMED,
    sameImage: true,
    registersText: async () => `CPU#2\nIDT=     ${IDT.toString(16)} 00000fff\n`,
    ...changes,
  };
}

t.test('a debugger and the text of the registers are enough, for both kernels', async (t) => {
  t.match(await stacksOf(machine()), [
    { fact: 'stack', vcpu: 0, functions: ['spinning'] },
    { fact: 'stack', vcpu: 2, functions: ['spinning'] },
  ]);
});

t.test('a capture kernel of another image has no symbols', async (t) => {
  t.match(
    (await stacksOf(machine({ sameImage: false }))).map((fact) => (fact.fact === 'stack' ? fact.vcpu : -1)),
    [0],
  );
});

t.test('a debugger that is gone leaves no facts; any other error is one of the harness', async (t) => {
  const failing = (error: Error): DeadMachine['gdb'] => ({
    ...machine().gdb,
    interrupt: async () => Promise.reject(error),
  });
  t.strictSame(await stacksOf(machine({ gdb: failing(new GdbClosedError('interrupt', 'gone')) })), []);
  await t.rejects(stacksOf(machine({ gdb: failing(new Error('a mistake')) })), /a mistake/);
});
