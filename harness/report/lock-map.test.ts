import t from 'tap';
import type { EndWord } from '../model/verdict.js';
import { crashLocks } from '../sweep/crash-locks/locks.js';
import { compareLockMaps, type LockMap, mappedLocks } from '../sweep/crash-locks/map.js';
import { madeOutcome } from '../testing/builders/instruction-trace.js';
import { STOCK_FACTS } from '../testing/builders/recorded-calls.js';
import { lockComparisonText, lockMapText } from './lock-map-text.js';
import { locksSection } from './page/locks.js';
import { runIds } from './page/run-ids.js';

const LOCKS = crashLocks([{ facts: STOCK_FACTS, crasher: 0 }]);

/** A map in which the named ends are observed; everything else captured. */
function madeMap(ends: Readonly<Record<string, EndWord>>, given: Partial<LockMap> = {}): LockMap {
  return {
    ...{ schema: 1, sweep: 'crash-locks', cpus: 2, accel: 'tcg', append: '', runs: 16, complete: true },
    kernel: { spec: 'debian:6.1', release: '6.1.0-56-amd64', captureRelease: '6.1.0-56-amd64' },
    controls: [{ verdict: 'captured', runId: 'a-record-1' }],
    ...{ missing: [], unrecorded: [] },
    locks: mappedLocks(LOCKS, (index, holder) => {
      const name = LOCKS[index]?.name ?? '';
      return holder === 'itself' || name === 'ioapic_lock'
        ? madeOutcome(ends[`${name} ${holder}`] ?? 'captured')
        : 'not taken';
    }),
    ...given,
  };
}

t.test('a map says of each lock where it is taken, and what becomes of it when it is held', async (t) => {
  const text = lockMapText(madeMap({ 'console_sem itself': 'hang' }));
  t.match(
    text,
    /^locks of the crash path: debian:6\.1 \(6\.1\.0-56-amd64\), 2 vCPUs, tcg\n3 locks taken at 4 places; 16 runs\n/,
  );
  t.match(text, /console_sem +spinlock +lock before: down_trylock\+0xf \(33\) +- not taken then +hang/);
  t.match(text, /serial8250_ports +spinlock +trylock before: .*\n? .*captured/);
  t.match(text, /FATAL IF HELD by the panicking CPU: console_sem, taken in down_trylock, up$/);
  t.notMatch(text, /FATAL.*ioapic_lock/);
});

t.test('what is not known is said: no recording, no run, a control that was not captured', async (t) => {
  const text = lockMapText(
    madeMap(
      { 'ioapic_lock another': 'unknown' },
      {
        complete: false,
        missing: ['rt_spin_lock'],
        unrecorded: [{ functions: ['down_read'], why: 'not proved' }],
        controls: [{ verdict: 'crash-path-hang', runId: 'x' }],
      },
    ),
  );
  t.match(text, /; NOT COMPLETE\n/);
  t.match(text, /1 of 1 not captured \(crash-path-hang\)/);
  t.match(text, /not recorded: down_read: not proved/);
  t.match(text, /not in this kernel: rt_spin_lock/);
  t.match(text, /no lock is fatal when it is held$/, 'unknown is not fatal');
});

t.test('two maps: fatal in one and harmless in the other has moved; unknown has not', async (t) => {
  const good = madeMap({});
  const bad = madeMap({ 'ioapic_lock another': 'hang' });
  const moved = compareLockMaps(bad, good);
  t.equal(moved.moved, true);
  t.strictSame(
    moved.rows.filter((row) => row.moved).map(({ name, holder }) => [name, holder]),
    [['ioapic_lock', 'another']],
  );
  t.match(lockComparisonText(moved), /ioapic_lock .*MOVED[^]*the maps differ$/);
  const same = compareLockMaps(madeMap({ 'ioapic_lock another': 'unknown' }), good);
  t.equal(same.moved, false);
  t.match(lockComparisonText(same), /nothing moved$/);
  const without = { ...good, locks: good.locks.slice(0, 2) };
  t.equal(compareLockMaps(bad, without).moved, false, 'a lock that one kernel does not take');
});

t.test('the page escapes names, and has every lock', async (t) => {
  const map = madeMap({});
  const [first] = map.locks;
  if (first === undefined) throw new Error('no lock');
  const hostile = { ...map, locks: [{ ...first, name: '<img src=x>' }, ...map.locks.slice(1)] };
  const { text } = locksSection({ maps: [hostile], comparison: compareLockMaps(hostile, map) }, runIds([]));
  t.notMatch(text, /<img/);
  t.match(text, /&lt;img src=x&gt;/);
  t.match(text, /ioapic_lock/);
});
