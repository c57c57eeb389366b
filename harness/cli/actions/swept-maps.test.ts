import t from 'tap';
import { crashLocks } from '../../sweep/crash-locks/locks.js';
import { type HeldEnd, type LockMap, mappedLocks } from '../../sweep/crash-locks/map.js';
import { madeOutcome } from '../../testing/builders/instruction-trace.js';
import { madeLockMap } from '../../testing/builders/lock-maps.js';
import { STOCK_FACTS } from '../../testing/builders/recorded-calls.js';
import { isWhole } from './swept-maps.js';

/** A map whose locks all end alike when the panicking CPU holds them. */
function madeMap(itself: HeldEnd, given: Partial<LockMap> = {}): LockMap {
  const mapped = mappedLocks(
    crashLocks([{ facts: STOCK_FACTS, crasher: 0 }]),
    () => 'not taken',
    () => undefined,
  );
  return madeLockMap(
    mapped.map((lock) => ({ ...lock, held: { ...lock.held, itself } })),
    given,
  );
}

t.test('a map of locks is whole when every question is answered, whatever is fatal', async (t) => {
  const captured = madeOutcome('captured');
  t.equal(isWhole(madeMap(captured)), true);
  t.equal(isWhole(madeMap({ ...madeOutcome('hang'), blame: 'waits' })), true);
  t.equal(isWhole(madeMap(madeOutcome('hang'))), false, 'not shown to be the lock');
  t.equal(isWhole(madeMap(madeOutcome('unknown'))), false);
  t.equal(isWhole(madeMap({ end: 'no name' })), false);
  t.equal(isWhole(madeMap({ end: 'not in NMI' })), false);
  t.equal(isWhole(madeMap({ end: 'one CPU' })), true, 'no question');
  t.equal(isWhole(madeMap(captured, { complete: false })), false);
  const controls = [{ verdict: 'crash-path-hang', runId: 'a-record-1' }];
  t.equal(isWhole(madeMap(captured, { controls })), false, 'a crash without a held lock is not captured');
});
