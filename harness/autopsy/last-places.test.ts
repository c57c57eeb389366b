import t from 'tap';
import type { Armed } from '../model/event.js';
import { parseKallsyms, type SymbolTable } from '../symbols/index.js';
import { registers } from '../testing/builders/runs.js';
import { placesOf, type StoppedVcpus } from './last-places.js';

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

/** Three vCPUs: in the crashed kernel, in user mode, in the capture kernel. */
function machine(known: StoppedVcpus['symbols']): StoppedVcpus {
  const vcpus = [
    { rip: TEXT + 4n, halted: true },
    { rip: 0x401000n, cpl: 3, interrupts: true },
    { rip: TEXT + MOVED + 4n, cr3: CRASH_CR3 },
  ];
  return {
    symbols: known,
    armed: ARMED,
    registersText: registers(vcpus),
  };
}

void t.test('each vCPU has a place, by name where the symbols of its kernel are known', async (t) => {
  t.strictSame(
    placesOf(machine({})).map(({ fact }) => fact),
    ['last-place', 'last-place', 'last-place'],
  );
  t.match(placesOf(machine({ production: symbols(), capture: symbols(MOVED) })), [
    { fact: 'last-place', vcpu: 0, place: 'first-kernel', halted: true, where: 'spinning+0x4/0x100' },
    { fact: 'last-place', vcpu: 1, place: 'user', where: undefined, interruptsOn: true },
    { fact: 'last-place', vcpu: 2, place: 'capture-kernel', where: 'spinning+0x4/0x100' },
  ]);
});

void t.test('without the symbols of its kernel a place is an address', async (t) => {
  const facts = placesOf(machine({ production: symbols() }));
  t.match(facts.at(-1), {
    fact: 'last-place',
    vcpu: 2,
    where: undefined,
    rip: (TEXT + MOVED + 4n).toString(16),
  });
});
