import t from 'tap';
import type { Armed } from '../model/event.js';
import { GdbRemoteError } from '../qemu/gdbstub/index.js';
import { parseKallsyms, type SymbolTable } from '../symbols/index.js';
import { madeRegisters } from '../testing/builders/registers.js';
import { registers } from '../testing/builders/runs.js';
import { placesOf, type StoppedVcpus } from './stacks.js';

const TEXT = 0xffffffff81000000n;
/** Offset of the capture kernel. */
const MOVED = 0x3000000n;
const CRASH_CR3 = 0x1a000000n;

const ARMED: Armed = {
  status: 0,
  loaded: true,
  crashSize: 0xc000000n,
  ranges: [{ first: 0x17000000n, last: 0x22ffffffn }],
  segments: [],
  errors: [],
};

function symbols(offset = 0n): SymbolTable {
  const parsed = parseKallsyms(
    [`${(TEXT + offset).toString(16)} T spinning`, `${(TEXT + offset + 0x100n).toString(16)} T end`, ''].join(
      '\n',
    ),
  );
  if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
  return parsed.table;
}

/** Three vCPUs: in the crashed kernel, in user mode, in the capture kernel. Their stacks cannot be read. */
function machine(known: StoppedVcpus['symbols']): StoppedVcpus {
  const refused = () => Promise.reject(new GdbRemoteError('read', 'm', 0x14, 'not mapped'));
  const vcpus = [
    { rip: TEXT + 4n, halted: true },
    { rip: 0x401000n, cpl: 3, interrupts: true },
    { rip: TEXT + MOVED + 4n, cr3: CRASH_CR3 },
  ];
  return {
    gdb: {
      vcpus: [0, 1, 2],
      readRegisters: async (vcpu) => madeRegisters({ rip: vcpus[vcpu]?.rip ?? 0n }),
      readMemory: refused,
      readPhysicalMemory: refused,
      interrupt: async () => undefined,
    },
    symbols: known,
    armed: ARMED,
    registersText: registers(vcpus),
  };
}

void t.test('each vCPU has a place, and a stack where the symbols of its kernel are known', async (t) => {
  t.match(await placesOf(machine({ production: symbols(), capture: symbols(MOVED) })), [
    { fact: 'last-place', vcpu: 0, place: 'first-kernel', halted: true, where: 'spinning+0x4/0x100' },
    { fact: 'stack', vcpu: 0, functions: ['spinning'] },
    { fact: 'last-place', vcpu: 1, place: 'user', where: undefined, interruptsOn: true },
    { fact: 'last-place', vcpu: 2, place: 'capture-kernel', where: 'spinning+0x4/0x100' },
    { fact: 'stack', vcpu: 2, functions: ['spinning'] },
  ]);
});

void t.test('without the symbols of its kernel a place is an address', async (t) => {
  const facts = await placesOf(machine({ production: symbols() }));
  t.strictSame(
    facts.flatMap((fact) => (fact.fact === 'stack' ? [fact.vcpu] : [])),
    [0],
  );
  t.match(facts.at(-1), { fact: 'last-place', vcpu: 2, rip: (TEXT + MOVED + 4n).toString(16) });
});
