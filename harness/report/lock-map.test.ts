import t from 'tap';
import type { EndWord } from '../model/verdict.js';
import type { LockTaker } from '../model/lock-takers.js';
import type { Confirmation, ConfirmationEnd } from '../sweep/crash-locks/confirm.js';
import { crashFlags } from '../sweep/crash-locks/flags.js';
import { crashLocks } from '../sweep/crash-locks/locks.js';
import type { HeldOutcome } from '../sweep/crash-locks/blame.js';
import { compareLockMaps, type LockMap, mappedLocks } from '../sweep/crash-locks/map.js';
import { lockTable } from '../sweep/crash-locks/table.js';
import { madeOutcome } from '../testing/builders/instruction-trace.js';
import { madeLockMap } from '../testing/builders/lock-maps.js';
import { STOCK_FACTS } from '../testing/builders/recorded-calls.js';
import { STOCK_LOCKED, STOCK_WORDS } from '../testing/builders/stock-flags.js';
import { lockComparisonText, lockMapText } from './lock-map-text.js';
import { lockTableText } from './lock-table-text.js';
import { locksSection } from './page/locks.js';
import { runIds } from './page/run-ids.js';

const LOCKS = crashLocks([{ facts: STOCK_FACTS, crasher: 0 }]);

/** A hang that is the lock's. */
const ON_IT: HeldOutcome = { ...madeOutcome('hang'), blame: 'waits' };

/** A map in which the named ends are observed; everything else captured. */
function madeMap(
  ends: Readonly<Record<string, EndWord | HeldOutcome>>,
  given: Partial<LockMap> = {},
  confirmation?: Confirmation,
): LockMap {
  const locks = mappedLocks(
    LOCKS,
    (index, holder) => {
      const name = LOCKS[index]?.name ?? '';
      if (holder === 'another' && name !== 'ioapic_lock') return 'not taken';
      const end = ends[`${name} ${holder}`] ?? 'captured';
      return typeof end === 'string' ? madeOutcome(end) : end;
    },
    () => confirmation,
  );
  return madeLockMap(locks, given);
}

t.test('a map says of each lock where it is taken, and what becomes of it when it is held', async (t) => {
  const text = lockMapText(madeMap({ 'console_sem itself': ON_IT }));
  t.match(
    text,
    /^locks of the crash path: debian:6\.1 \(6\.1\.0-56-amd64\), 2 vCPUs, tcg, panic in a timer interrupt\n3 locks taken at 4 places; 16 runs\n/,
  );
  t.match(text, /console_sem +spinlock +lock before: down_trylock\+0xf \(33\) +- not taken then +hang/);
  t.match(text, /serial8250_ports +spinlock +trylock before: .*\n? .*captured/);
  t.match(text, /FATAL IF HELD by the panicking CPU: console_sem \(spinlock\), taken in down_trylock, up$/);
  t.notMatch(text, /FATAL.*ioapic_lock/);
});

const UP: LockTaker = {
  ...{ in: '__up_console_sem', offset: 30, callee: 'up' },
  taken: { in: 'up', offset: 0x25 },
};

/** A confirmation of a lock with one taker. */
const confirmed = (end: ConfirmationEnd, run?: EndWord): Confirmation => ({
  end,
  takers: [UP],
  tried:
    run === undefined
      ? []
      : [{ in: '__up_console_sem', stimulus: 'messages to the kernel log', outcome: madeOutcome(run) }],
});

t.test('a lock that is fatal if held is fatal when a CPU that came by itself held it', async (t) => {
  const hangs = { 'console_sem itself': ON_IT };
  const text = lockMapText(madeMap(hangs, {}, confirmed('confirmed', 'hang')));
  t.match(text, /^FATAL by the panicking CPU: console_sem \(spinlock\), taken in down_trylock, up$/m);
  t.match(
    text,
    /^ {2}confirmed: a CPU that came to __up_console_sem by itself \(messages to the kernel log\) panicked with it held: hang.*; 1 call in the text takes it$/m,
  );
  for (const [confirmation, reason] of [
    [confirmed('harmless there', 'captured'), /^ {2}not confirmed: __up_console_sem: captured/m],
    [
      confirmed('not shown', 'hang'),
      /^ {2}not confirmed: __up_console_sem: hang, not shown to be this lock;/m,
    ],
    [confirmed('not reached', 'unknown'), /^ {2}not confirmed: __up_console_sem: unknown/m],
    [confirmed('no stimulus'), /^ {2}not confirmed: no stimulus .*: __up_console_sem$/m],
    [confirmed('no taker'), /^ {2}not confirmed: no call in the text/m],
    [confirmed('not searched'), /^ {2}not confirmed: it is allocated or of each CPU/m],
    [confirmed('not run'), /^ {2}NOT RUN: /m],
  ] as const) {
    const said = lockMapText(madeMap(hangs, {}, confirmation));
    t.match(said, /^FATAL IF HELD by the panicking CPU: console_sem/m, confirmation.end);
    t.match(said, reason, confirmation.end);
  }
  t.notMatch(lockMapText(madeMap({}, {}, confirmed('confirmed', 'hang'))), /confirmed/, 'nothing was fatal');
});

t.test('flags: what is known of a fatal one, and that its owner would run', async (t) => {
  const { flags, atomics } = crashFlags(STOCK_LOCKED, {
    recordings: STOCK_WORDS.map((facts) => ({ facts, crasher: 0 })),
    crasher: 0,
  });
  const unseen = [{ function: 'vpanic', why: 'this kernel has none' }];
  const map = madeMap(
    {},
    {
      locks: mappedLocks(
        flags,
        (index, holder) =>
          index > 0 && holder === 'another'
            ? { ...madeOutcome('hang'), blame: 'gives up' }
            : madeOutcome('captured'),
        () => undefined,
      ),
      ...{ atomics, unseen },
    },
  );
  const text = lockMapText(map);
  t.match(text, /3 locks, 3 flags among them, taken at 3 places/);
  t.match(text, /panic_cpu +flag +cmpxchg before: panic\+0x5d +hang +captured/);
  t.match(
    text,
    /FATAL IF HELD by another CPU: panic_cpu \(flag\), taken in panic\n  by design: .*panic_smp_self_stop.*\n  taken before the shootdown/,
  );
  t.match(text, /FATAL IF HELD by another CPU: __kexec_lock .*\n  __crash_kexec\(\) gives up/);
  t.notMatch(text, /FATAL.*printk_cpu_sync_owner/, 'it was captured');
  t.match(text, /locked instructions on the crash path: 6 of 19 that its functions have; 3 take flags/);
  t.match(text, /not tried, no fixed value: .*printk_rb_static\+0x18 in prb_reserve\+0x134 \(31\)/);
  t.match(text, /not looked into: vpanic$/);
  const { text: page } = locksSection({ maps: [map] }, runIds([]));
  t.match(page, /by design: the first CPU/);
  t.match(page, /not looked into: vpanic/);
  const { atomics: _, unseen: __, ...older } = map;
  t.notMatch(lockMapText(older), /locked instructions/, 'a map of an older version');
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
  t.match(text, /no lock is shown to be fatal when it is held$/, 'unknown is not fatal');
});

t.test('a hang that is not shown to be on the lock does not make the lock fatal', async (t) => {
  const map = madeMap({
    'ioapic_lock another': 'hang',
    'ioapic_lock itself': ON_IT,
    'console_sem itself': 'hang',
  });
  const text = lockMapText(map);
  t.match(text, /console_sem .*hang, not shown to/);
  t.match(text, /FATAL IF HELD by the panicking CPU: ioapic_lock \(/);
  t.notMatch(text, /FATAL.*console_sem/);
  t.match(
    text,
    /NOT CAPTURED, and not shown to be this lock, held by the panicking CPU: console_sem \(spinlock\)\n/,
  );
  t.match(text, /NOT CAPTURED, .* held by a stopped CPU: ioapic_lock \(spinlock\)$/);
  const compared = compareLockMaps(map, madeMap({}));
  t.strictSame(
    compared.rows.map(({ name, holder, moved, unexplained }) => [name, holder, moved, unexplained]),
    [
      ['console_sem', 'another', false, false],
      ['console_sem', 'itself', false, true],
      ['serial8250_ports', 'another', false, false],
      ['serial8250_ports', 'itself', false, false],
      ['ioapic_lock', 'another', false, true],
      ['ioapic_lock', 'itself', true, false],
    ],
  );
  t.match(lockComparisonText(compared), /captured +\?\n[^]*the maps differ\n\?: no dump, /);
  t.notMatch(lockComparisonText(compareLockMaps(madeMap({}), madeMap({}))), /\?/);
});

t.test('several locks under one name are counted', async (t) => {
  const map = madeMap({});
  const [first, ...rest] = map.locks;
  if (first === undefined) throw new Error('no lock');
  const locks = [{ ...first, name: 'allocated, taken in f', addresses: 3 }, ...rest];
  t.match(
    lockMapText({ ...map, locks }).replaceAll(/\s+/g, ' '),
    /allocated, taken in f \(3 locks: the .*first is held\)/,
  );
});

t.test('two maps: fatal in one and harmless in the other has moved; unknown has not', async (t) => {
  const good = madeMap({});
  const bad = madeMap({ 'ioapic_lock another': ON_IT });
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

t.test('variants side by side: only what was tried, and where it is fatal', async (t) => {
  const plain = madeMap({ 'console_sem itself': ON_IT }, {}, confirmed('confirmed', 'hang'));
  const one = madeMap(
    { 'console_sem itself': ON_IT, 'ioapic_lock itself': 'hang' },
    { cpus: 1, context: 'nmi' },
  );
  const locks = one.locks
    .filter(({ name }) => name !== 'serial8250_ports')
    .map((lock) => ({ ...lock, held: { ...lock.held, another: { end: 'one CPU' } as const } }));
  const nmi = { ...one, locks };
  const table = lockTable([
    { variant: 'plain', map: plain },
    { variant: 'one-cpu', map: nmi },
  ]);
  t.strictSame(
    table.table.map(({ name, holder, ends, fatalIn, confirmedIn }) => [
      ...[name, holder, ends.map((end) => end?.end)],
      ...[fatalIn, confirmedIn],
    ]),
    [
      ['console_sem', 'itself', ['hang', 'hang'], ['plain', 'one-cpu'], ['plain']],
      ['serial8250_ports', 'itself', ['captured', undefined], [], []],
      ['ioapic_lock', 'another', ['captured', 'one CPU'], [], []],
      ['ioapic_lock', 'itself', ['captured', 'hang'], [], []],
    ],
  );
  const text = lockTableText(table);
  t.match(text, /^one-cpu:\n {2}locks of the crash path: .*, 1 vCPU, tcg, panic in an NMI$/m);
  t.match(text, /^LOCK +KIND +HELD BY +plain +one-cpu$/m);
  t.match(text, /^serial8250_ports +spinlock +the panicking CPU +captured +-$/m);
  t.match(text, /^ioapic_lock +spinlock +the panicking CPU +captured +hang\?$/m, 'not shown to be the lock');
  t.match(text, /^FATAL by the panicking CPU: console_sem \(spinlock\), in plain$/m);
  t.match(text, /^FATAL IF HELD by the panicking CPU: console_sem \(spinlock\), in one-cpu$/m);
  t.notMatch(text, /FATAL.*ioapic_lock/);
  const both = lockTable([
    { variant: 'a', map: nmi },
    { variant: 'b', map: nmi },
  ]);
  t.match(lockTableText(both), /^FATAL IF HELD by the panicking CPU: console_sem .*, in every variant$/m);
  t.match(locksSection({ maps: [plain, nmi], table }, runIds([])).text, '<th scope="col">one-cpu</th>');
});
