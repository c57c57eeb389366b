/** Two kernels that differ in one lock of the crash path: one takes it, the other only tries it. Recorded from both. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { END_WORDS } from '../../model/verdict.js';
import { RecordedFactSchema } from '../../model/recorded-calls.js';
import { lockComparisonText } from '../../report/lock-map-text.js';
import { madeOutcome } from '../../testing/builders/instruction-trace.js';
import { madeLockMap } from '../../testing/builders/lock-maps.js';
import { crashLocks } from './locks.js';
import { compareLockMaps, type LockMap, mappedLocks } from './map.js';

const Kernel = z.object({
  facts: z.array(RecordedFactSchema),
  ends: z.record(z.string(), z.enum([...END_WORDS, 'not taken'])),
});
const Recorded = z.object({ made: z.string(), kernels: z.record(z.string(), Kernel) });

const file = join(import.meta.dirname, '../../../harness/sweep/crash-locks/testdata/seeded-locks.json');
const { kernels } = Recorded.parse(JSON.parse(readFileSync(file, 'utf8')));

function recordedOf(spec: string) {
  const kernel = kernels[spec];
  if (kernel === undefined) throw new Error(`no recording of ${spec}`);
  return { ...kernel, locks: crashLocks([{ facts: kernel.facts, crasher: 0 }]) };
}

function mapOf(spec: string): LockMap {
  const { locks, ends } = recordedOf(spec);
  const release = `6.1.192-cp-${spec}`;
  const mapped = mappedLocks(
    locks,
    (index, holder) => {
      const { kind, name } = locks[index] ?? {};
      const end = ends[`${kind} ${name} ${holder}`];
      if (end === undefined || end === 'not taken') return end;
      // The autopsy of each of the runs that hung names the lock.
      return { ...madeOutcome(end), ...(end === 'hang' ? { blame: 'waits' as const } : {}) };
    },
    () => undefined,
  );
  return madeLockMap(mapped, { kernel: { spec, release, captureRelease: release } });
}

const sitesOf = (spec: string) =>
  recordedOf(spec)
    .locks.find(({ name }) => name === 'crash_path_lock')
    ?.sites.map(({ how, phase, from }) => [how, phase, from.replace(/\+.*/, '')]);

t.test('a lock in native_machine_crash_shutdown() is found, and how it is taken', async (t) => {
  const where = ['after the shootdown', 'native_machine_crash_shutdown'];
  t.strictSame(sitesOf('shutdown-lock'), [['lock', ...where]]);
  t.strictSame(sitesOf('shutdown-trylock'), [['trylock', ...where]]);
});

t.test('it is fatal if it is taken, harmless if it is tried, and nothing else moved', async (t) => {
  const comparison = compareLockMaps(mapOf('shutdown-trylock'), mapOf('shutdown-lock'));
  t.strictSame(
    comparison.rows.filter(({ moved }) => moved).map(({ name, holder }) => [name, holder]),
    [
      ['crash_path_lock', 'another'],
      ['crash_path_lock', 'itself'],
    ],
  );
  t.match(comparison.rows, [
    { name: 'console_sem', kind: 'spinlock', holder: 'another', moved: false },
    { name: 'console_sem', kind: 'spinlock', holder: 'itself', candidate: { end: 'hang' }, moved: false },
  ]);
  const text = lockComparisonText(comparison);
  t.equal(text.match(/MOVED/g)?.length, 2);
  t.match(text, /crash_path_lock +spinlock +a stopped CPU +captured +hang +MOVED/);
  t.match(text, /the maps differ$/);
});

t.test('the same hangs, not shown to be on the lock, move nothing', async (t) => {
  const unshown = (spec: string) => {
    const map = mapOf(spec);
    const locks = map.locks.map((lock) => ({
      ...lock,
      held: {
        another: { ...lock.held.another, blame: undefined },
        itself: { ...lock.held.itself, blame: undefined },
      },
    }));
    return { ...map, locks };
  };
  const comparison = compareLockMaps(unshown('shutdown-trylock'), unshown('shutdown-lock'));
  t.equal(comparison.moved, false);
  t.strictSame(
    comparison.rows.filter(({ unexplained }) => unexplained).map(({ name, holder }) => [name, holder]),
    [
      ['console_sem', 'itself'],
      ['crash_path_lock', 'another'],
      ['crash_path_lock', 'itself'],
    ],
  );
});
