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
    /^ {2}confirmed: a CPU that came to __up_console_sem by itself \(messages to the kernel log\) panicked with it held, in the context of that place, which need not be a timer interrupt: hang.*; 1 call in the text takes it$/m,
  );
  for (const [confirmation, reason] of [
    [
      confirmed('harmless there', 'captured'),
      /^ {2}not confirmed: a CPU that came there by itself panicked in the context of that place, which need not be a timer interrupt: __up_console_sem: captured/m,
    ],
    [
      confirmed('not shown', 'hang'),
      /^ {2}not confirmed: .*: __up_console_sem: hang, not shown to be this lock;/m,
    ],
    [confirmed('not reached', 'unknown'), /^ {2}not confirmed: .*: __up_console_sem: unknown/m],
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
  t.match(text, /panic_cpu +flag +cmpxchg before: panic\+0x5d +hang, frozen owner +captured/);
  t.match(
    text,
    /FATAL IF HELD by another CPU, which does not run: panic_cpu \(flag\), taken in panic\n  by design: .*panic_smp_self_stop.*\n  taken before the shootdown/,
  );
  t.match(
    text,
    /FATAL IF HELD: __kexec_lock \(flag\), set before the panic, as an owner leaves it, .*\n  __crash_kexec\(\) gives up/,
  );
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
  t.match(
    text,
    /^FATAL by the panicking CPU: console_sem \(spinlock\), taken in down_trylock, up; in plain$/m,
  );
  t.match(text, /^FATAL IF HELD by the panicking CPU: console_sem \(spinlock\), .*; in one-cpu$/m);
  t.notMatch(text, /FATAL.*ioapic_lock/);
  const both = lockTable([
    { variant: 'a', map: nmi },
    { variant: 'b', map: nmi },
  ]);
  t.match(lockTableText(both), /^FATAL IF HELD by the panicking CPU: console_sem .*; in every variant$/m);
  t.match(locksSection({ maps: [plain, nmi], table }, runIds([])).text, '<th scope="col">one-cpu</th>');
});

/** A map of the flags of a built 6.1, of which the other CPU's are fatal, and which are all taken before the shootdown. */
function flagsMap(given: Partial<LockMap> = {}): LockMap {
  const { flags, atomics } = crashFlags(STOCK_LOCKED, {
    recordings: STOCK_WORDS.map((facts) => ({ facts, crasher: 0 })),
    crasher: 0,
  });
  const outcome = (_: number, holder: 'another' | 'itself') =>
    holder === 'another'
      ? ({ ...madeOutcome('hang'), blame: 'gives up' } as const)
      : { ...madeOutcome('captured'), runId: 'itself' };
  const locks = mappedLocks(flags, outcome, () => undefined);
  return madeLockMap(locks, { atomics, ...given });
}

t.test('variants have the words of the map of each: who owns a flag, what is known of it', async (t) => {
  const map = flagsMap();
  const same = lockTable([
    { variant: 'irq', map },
    { variant: 'task', map: flagsMap({ context: 'task' }) },
  ]);
  const text = lockTableText(same);
  t.match(text, /^panic_cpu +flag +a frozen CPU +hang +hang$/m);
  t.match(text, /^__kexec_lock +flag +set before panic +hang +hang$/m, 'nobody holds what names no owner');
  t.match(text, /^a frozen CPU: another CPU that does not run/m);
  t.notMatch(text, /by a stopped CPU/);
  const [, listed = ''] = lockMapText(map).split(/\n\n(?=FATAL)/);
  for (const line of listed.split('\n').filter((one) => /^(FATAL| {2})/.test(one)))
    t.match(text, line, 'the map has the line, and so has the table');
  t.match(text, /^FATAL IF HELD by another CPU, which does not run: panic_cpu .*; in every variant$/m);
  const { text: page } = locksSection({ maps: [map], table: same }, runIds([]));
  t.match(page, '<td>a frozen CPU</td>');
  t.match(page, 'by design: the first CPU');
  // The same flag, taken after the shootdown as well: a stopped CPU can own it.
  const locks = map.locks.map((lock) => {
    const { early: _, ...afterToo } = lock;
    return afterToo;
  });
  const late = { ...map, locks };
  const mixed = lockTableText(
    lockTable([
      { variant: 'irq', map },
      { variant: 'late', map: late },
    ]),
  );
  t.match(mixed, /^panic_cpu +flag +another CPU +hang +hang$/m);
  t.match(mixed, /^FATAL IF HELD by a stopped CPU: panic_cpu .*; in late$/m);
  t.match(mixed, /^FATAL IF HELD: __kexec_lock \(flag\), set right before the shootdown, .*; in late$/m);
  t.match(mixed, /^__kexec_lock +flag +another CPU +hang +hang$/m);
});

t.test('variants say which run confirmed, and why not', async (t) => {
  const hangs = { 'console_sem itself': ON_IT };
  const variants = [
    { variant: 'plain', map: madeMap(hangs, {}, confirmed('confirmed', 'hang')) },
    { variant: 'quiet', map: madeMap(hangs, {}, confirmed('no taker')) },
    { variant: 'other', map: madeMap({ 'ioapic_lock itself': 'hang' }) },
  ];
  const text = lockTableText(lockTable(variants));
  t.match(text, /^ {2}plain: confirmed: a CPU that came to __up_console_sem by itself .*; 1 call/m);
  t.match(text, /^ {2}quiet: not confirmed: no call in the text/m);
  t.match(text, /^NOT CAPTURED, .* held by the panicking CPU: ioapic_lock \(spinlock\); in other$/m);
  const none = lockTable([{ variant: 'plain', map: madeMap({}) }]);
  t.match(lockTableText(none), /no lock is shown to be fatal when it is held$/);
});

t.test('a panic of a CPU that came by itself has the context of its place, except an NMI', async (t) => {
  const map = madeMap({ 'console_sem itself': ON_IT }, { context: 'nmi' }, confirmed('confirmed', 'hang'));
  t.match(lockMapText(map), /panicked with it held, in an NMI: hang/);
  const stopped = madeMap({ 'ioapic_lock another': ON_IT }, {}, confirmed('confirmed', 'hang'));
  t.match(lockMapText(stopped), /was stopped with it held: hang/, 'it does not panic');
});

t.test('a file or a program gets cells that are not folded', async (t) => {
  const map = madeMap({});
  const [first, ...rest] = map.locks;
  if (first === undefined) throw new Error('no lock');
  const name = 'a_lock_whose_name_is_longer_than_a_column_of_the_table';
  const long = { ...map, locks: [{ ...first, name }, ...rest] };
  t.notMatch(lockMapText(long), name, 'on a terminal');
  t.match(lockMapText(long, { fold: false }), name);
});
