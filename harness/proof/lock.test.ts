import t from 'tap';
import { stoppedWitness } from '../testing/fakes/witness.js';
import { lock } from './lock.js';

const KALLSYMS = 'ffffffff81000300 D ioapic_lock\n';
const word = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return stoppedWitness({ kallsyms: KALLSYMS, memory: new Map([[0xffffffff81000300n, bytes]]) });
};

void t.test("a lock's lowest byte says whether it is held", async (t) => {
  const held = { lock: 'ioapic_lock', held: true };
  t.strictSame(await lock.choreography.put(held, word(1)), {
    what: 'ioapic_lock is held',
    proved: true,
    saw: 'lock word 0x1',
  });
  t.match(await lock.choreography.put(held, word(0)), { proved: false, saw: 'lock word 0x0' });
  t.match(await lock.choreography.put(held, word(0x40100)), { proved: false }, 'waiters, and no holder');
  t.match(await lock.choreography.put({ ...held, held: false }, word(0)), {
    what: 'ioapic_lock is free',
    proved: true,
  });
});

void t.test('a lock that is not there, or cannot be read, is not proved', async (t) => {
  t.strictSame(await lock.choreography.put({ lock: 'ioapic_locks', held: true }, word(1)), {
    what: 'find the variable ioapic_locks',
    proved: false,
    saw: 'this kernel has none (inlined or renamed); nearest: ioapic_lock',
  });
  const unreadable = stoppedWitness({ kallsyms: KALLSYMS });
  t.match(await lock.choreography.put({ lock: 'ioapic_lock', held: true }, unreadable), {
    what: 'ioapic_lock is held',
    proved: false,
    saw: 'its memory cannot be read',
  });
  t.match(await lock.choreography.put({ lock: 'ioapic_lock', held: true }, stoppedWitness({})), {
    proved: false,
    saw: 'the machine has no debugger',
  });
});
