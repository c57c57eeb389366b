import { join } from 'node:path';
import t from 'tap';
import type { LockWait } from '../../model/autopsy.js';
import type { HostFact } from '../../model/record.js';
import { readHostFacts } from '../../store/read-recording.js';
import { madeAutopsy } from '../../testing/builders/autopsies.js';
import { TESTDATA } from '../../testing/recordings/fixtures.js';
import { blameOf, type HeldRun } from './blame.js';
import type { CrashLock, LockSite } from './locks.js';

/** Where the recorded hang has ioapic_lock. */
const ADDRESS = 'ffffffff983b12c8';

function called(address: string, by = '_raw_spin_trylock'): HostFact {
  return { fact: 'called', function: by, args: [`0x${address}`], returned: '0x1' };
}

function waiting(wait: Partial<LockWait> = {}): HostFact {
  const waits = [
    { vcpu: 0, lock: { name: 'ioapic_lock', address: ADDRESS }, function: '_raw_spin_lock_irqsave', ...wait },
  ];
  return { fact: 'autopsy', autopsy: madeAutopsy({ waits }) };
}

const LOCK: CrashLock = {
  ...{ name: 'ioapic_lock', kind: 'spinlock', data: { symbol: 'ioapic_lock', offset: 0 } },
  sites: [siteOf('lock')],
};

function siteOf(how: LockSite['how']): LockSite {
  return {
    ...{ function: '_raw_spin_lock', how, from: 'f+0x10/0x80', stack: [], interrupts: false, inNmi: false },
    ...{ phase: 'after the shootdown', count: 1 },
  };
}

const blamed = (facts: readonly HostFact[], run: Partial<HeldRun> = {}) =>
  blameOf({ ...{ detail: 'spin', crasher: 0, lock: LOCK, held: 'by a call' }, facts, ...run });

t.test('a lock that a CPU came to hold by itself is known by its name', async (t) => {
  const itself = { held: 'by itself' } as const;
  t.equal(blamed([waiting()], itself), 'waits');
  t.equal(blamed([waiting({ lock: { name: 'ioapic_lock+0x4', address: ADDRESS } })], itself), undefined);
  t.equal(blamed([waiting({ lock: { address: ADDRESS } })], itself), undefined);
});

t.test('the panicking CPU waits for the lock that was taken, by its address', async (t) => {
  t.equal(blamed([called(ADDRESS), waiting()]), 'waits');
  t.equal(blamed([called(ADDRESS), waiting()], { crasher: 1 }), undefined, 'another CPU waits');
  t.equal(blamed([called('ffffffff983b12cc'), waiting()]), undefined, 'another lock');
  t.equal(blamed([called(ADDRESS), waiting({ lock: {} })]), undefined, 'which one is not known');
  t.equal(blamed([waiting()]), undefined, 'nothing shows that it was held');
  t.equal(blamed([called(ADDRESS)]), undefined, 'a hang without a wait');
});

t.test('a wait for the spinlock inside a semaphore is none for the semaphore', async (t) => {
  const semaphore = { lock: { ...LOCK, kind: 'semaphore' } } as const;
  const held = called(ADDRESS, 'down_trylock');
  t.equal(blamed([held, waiting()], semaphore), undefined);
  t.equal(blamed([held, waiting({ function: 'down' })], semaphore), 'waits');
});

t.test(
  'a recorded hang without a wait in its autopsy: the loop reads the word, and nothing else',
  async (t) => {
    const facts = await readHostFacts(join(TESTDATA, 'crash-path-hang-ioapic-lock'));
    const hung = facts.flatMap((fact) => (fact.fact === 'examination' ? fact.vcpus : []));
    const crasher = hung.find(({ state }) => state === 'running')?.vcpu ?? -1;
    t.equal(blamed([called(ADDRESS), ...facts], { crasher }), 'waits');
    t.equal(blamed([called('ffffffff983b12d0'), ...facts], { crasher }), undefined, 'its neighbour');
    t.equal(blamed([called(ADDRESS), ...facts], { crasher: 1 - crasher }), undefined);
  },
);

t.test('a crash path that only tries the lock, and then does not start the crash kernel', async (t) => {
  const facts = [called(ADDRESS, 'mutex_trylock')];
  const lock: CrashLock = { ...LOCK, kind: 'mutex', sites: [siteOf('trylock')] };
  const given = { detail: 'kexec-never-jumped', lock };
  t.equal(blamed(facts, given), 'gives up');
  t.equal(blamed(facts, { ...given, lock: { ...lock, sites: LOCK.sites } }), undefined);
  t.equal(blamed(facts, { ...given, detail: 'deadline' }), undefined, 'it is not shown to hang');
});

/** A flag that a script has set, as a built 6.1 recorded it. */
const SET: HostFact = {
  ...{ fact: 'set', variable: 'printk_cpu_sync_owner', address: '0xffffffffbac34a84', bytes: 4 },
  ...{ was: '0xffffffff', to: '0x1' },
};

function flag(name: string): { readonly lock: CrashLock } {
  const word = { bytes: 4, was: '0xffffffff', to: '0x0', isCpu: true } as const;
  const data = { symbol: name, offset: 0 };
  return { lock: { name, kind: 'flag', data, sites: [siteOf('cmpxchg')], word } };
}

function hungAt(where: string, saw: readonly string[], vcpu = 0): HostFact {
  const at = { state: 'running', place: 'first-kernel', rip: 'ffffffffba275325' } as const;
  const vcpus = [{ ...at, vcpu, where, saw: [...saw] }];
  return { fact: 'examination', finding: 'hung', shape: 'spin', why: 'made', vcpus, tookMs: 1 };
}

t.test('a flag: the word that the loop reads is the one that was set', async (t) => {
  const owner = flag('printk_cpu_sync_owner');
  const reads = (address: string) => [`reads 4 bytes at 0x${address} (printk_cpu_sync_owner+0x0/0xc)`];
  const hung = hungAt('__printk_cpu_sync_wait+0x2/0xd', reads('ffffffffbac34a84'));
  t.equal(blamed([SET, hung], owner), 'waits');
  t.equal(blamed([hung], owner), undefined, 'nothing shows that it was set');
  t.equal(blamed([SET, hung], { ...owner, crasher: 1 }), undefined, 'another CPU');
  t.equal(blamed([SET, hungAt('x+0x2/0xd', reads('ffffffffbac34a88'))], owner), undefined, 'another word');
});

t.test('a flag whose finder stops itself, and one that is tried once', async (t) => {
  const stopped = hungAt('panic_smp_self_stop+0x2/0x31', [
    'it reads no memory that it does not store itself',
  ]);
  t.equal(blamed([SET, stopped], flag('panic_cpu')), 'stops itself');
  t.equal(blamed([SET, stopped], flag('__kexec_lock')), undefined, 'that is not what this flag does');
  t.equal(blamed([SET, stopped], { ...flag('panic_cpu'), crasher: 1 }), undefined);
  t.equal(blamed([SET, hungAt('panic+0x2/0x31', [])], flag('panic_cpu')), undefined);
  t.equal(blamed([SET], { ...flag('__kexec_lock'), detail: 'kexec-never-jumped' }), 'gives up');
  t.equal(blamed([SET], { ...flag('__kexec_lock'), detail: 'deadline' }), undefined);
});
