import t from 'tap';
import { CRASH_CR3, FIRST_CR3, registers } from '../testing/builders/runs.js';
import { parseArmed } from './armed.js';
import { armedReport } from '../testing/builders/runs.js';
import { createTablesSeen } from './tables-seen.js';

const ARMED = parseArmed(armedReport());
const RIP = 0xffffffff81000000n;

void t.test('the tables of each kernel, the latest first', async (t) => {
  const seen = createTablesSeen();
  seen.sample(registers([{ rip: RIP }, { rip: 0x401000n, cr3: 0x5000n, cpl: 3 }]), ARMED);
  seen.sample(registers([{ rip: RIP }, { rip: RIP, cr3: CRASH_CR3 }]), ARMED);
  t.strictSame(seen.of('capture'), [{ tables: { root: CRASH_CR3, levels: 5 }, user: false }]);
  t.strictSame(
    seen.of('production').map(({ tables, user }) => [tables.root, user]),
    [
      [FIRST_CR3, false],
      [0x5000n, true],
    ],
  );
});

void t.test('few are kept, and five levels are five levels', async (t) => {
  const seen = createTablesSeen();
  for (let cr3 = 0x1000n; cr3 <= 0x20000n; cr3 += 0x1000n) {
    seen.sample(registers([{ rip: RIP, cr3 }]), undefined);
  }
  t.equal(seen.of('production').length, 8);
  t.equal(seen.of('production')[0]?.tables.root, 0x20000n);
  seen.sample(registers([{ rip: RIP }]).replace(/CR4=[\da-f]+/, 'CR4=000006f0'), undefined);
  t.equal(seen.of('production')[0]?.tables.levels, 4);
  seen.sample(
    'CPU#0\nEIP=000fd09a EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\nCR0=00000011 CR2=0 CR3=00000000 CR4=00000000',
    ARMED,
  );
  t.equal(seen.of('production').length, 8, 'firmware has none');
});
