import t from 'tap';
import { createConsoleReader } from './console.js';
import { BANNER, CAPTURE_LINE, PANIC, read } from '../testing/builders/console.js';

void t.test('time stamps in all their forms', async (t) => {
  const panic = 'Kernel panic - not syncing: x';
  for (const stamp of [
    '',
    '[    1.000000] ',
    '[12345.678901] ',
    '[    1.000000][    T1] ',
    '[    1.000000][  C0] ',
    '[    T1] ',
    '[   C12] ',
  ]) {
    t.strictSame(read(stamp + panic), ['panic production'], JSON.stringify(stamp));
  }
  t.strictSame(read(`half a line of userspace[    1.000000] ${panic}`), ['panic production']);
  t.strictSame(read(`half a line of userspace${BANNER}`), ['kernel-banner']);
  t.strictSame(read('Kernel panic - not syncing'), ['panic production'], 'no message');
});

void t.test('quotations are not kernel messages', async (t) => {
  for (const line of [
    'log: Kernel panic - not syncing: quoted',
    '[    1.000000] init: Kernel panic - not syncing: quoted',
    '[    1.0] Kernel panic - not syncing: no time stamp of printk',
    '  Kernel panic - not syncing: indented',
    '[    X1] Kernel panic - not syncing: neither a task nor a CPU',
    '[drm] Kernel panic - not syncing: a driver',
    'dmesg says Linux version 6.1.0 (quoted)',
    '[    1.000000] usb: Linux version 6.1.0 (quoted)',
    'Linux version six (no number)',
    'log: ---[ end Kernel panic - not syncing: quoted ]---',
    'Kernel panic - not syncingly',
    'they said: Rebooting in 5 seconds..',
    'app: BUG: unable to handle this',
    'traps: app[7] general protection fault ip:401000 sp:7ffd error:0 in app',
    'traps: app[7] trap invalid opcode ip:401000 sp:7ffd error:0 in app',
    'Oops, something went wrong',
    '[    1.000000] BUG: sleeping function called from invalid context at made.c:1',
  ]) {
    t.strictSame(read(line), [], line);
  }
});

void t.test('an answer of the first kernel makes quotations of what the console told', async (t) => {
  const reader = createConsoleReader();
  const types = (...lines: string[]) => lines.flatMap((line) => reader.line(line)).map(({ type }) => type);
  const own = ['[    0.000000] Linux version 6.1.0 (x)', '[    0.000000] Command line: console=ttyS0'];
  types(...own, BANNER, CAPTURE_LINE, 'Kernel panic - not syncing: of the capture kernel');
  reader.firstKernelRuns();
  t.strictSame(
    reader.line('Kernel panic - not syncing: now'),
    [{ type: 'panic', message: 'now', side: 'production' }],
    'and not a panic of a capture kernel',
  );
  t.strictSame(types(...own), ['kernel-banner', 'reboot-command-line'], 'after a panic that stands');
  const log = createConsoleReader();
  for (const line of [...own, 'Kernel panic - not syncing: of an earlier crash']) log.line(line);
  log.firstKernelRuns();
  t.strictSame(
    own.flatMap((line) => log.line(line)).map(({ type }) => type),
    ['kernel-banner'],
    'its own log again',
  );
});

void t.test('ends of a panic', async (t) => {
  t.strictSame(
    read(
      PANIC,
      '[   10.2] x',
      '[   10.200000] ---[ end Kernel panic - not syncing: sysrq triggered crash ]---',
    ),
    ['panic production', 'panic-ended production'],
  );
  t.strictSame(read('[   10.200000] Rebooting in 10 seconds..'), ['reboot-announced production']);
});

void t.test('oopses', async (t) => {
  for (const message of [
    'BUG: unable to handle page fault for address: 0000000000000010',
    'BUG: kernel NULL pointer dereference, address: 0000000000000000',
    'BUG: stack guard page was hit at 00000000 (stack is 0..1)',
    'kernel BUG at mm/slub.c:379!',
    'general protection fault, probably for non-canonical address 0xdead: 0000 [#1] PREEMPT SMP NOPTI',
    'invalid opcode: 0000 [#1] PREEMPT SMP NOPTI',
    'Oops: 0002 [#1] PREEMPT SMP NOPTI',
    'Oops: invalid opcode: 0000 [#1] PREEMPT SMP NOPTI',
  ]) {
    t.strictSame(read(`[    1.000000] ${message}`), ['oops production'], message);
  }
  t.strictSame(read(BANNER, CAPTURE_LINE, '[    1.000000] Oops: 0002 [#1]').at(-1), 'oops capture');
});

void t.test('escape sequences are skipped', async (t) => {
  t.strictSame(read(`\x1b[1;31m${PANIC}\x1b[0m`), ['panic production']);
  t.strictSame(read(`\x1b]0;title\x07${PANIC}`), ['panic production']);
  t.strictSame(
    read(`\x1b[${PANIC}`),
    ['panic production'],
    'an unfinished one does not hide the line behind it',
  );
  t.strictSame(read('\x1b[31mlog: Kernel panic - not syncing: quoted\x1b[0m'), []);
});

void t.test('hostile lines are read in bounded time', async (t) => {
  const reader = createConsoleReader();
  const startedMs = performance.now();
  for (const unit of [
    '\x1b]',
    '\x1b[',
    '\x9b;1',
    '[ ',
    '[1.111111][a',
    '[1.111111] ',
    'BUG: unable to handle ',
  ]) {
    reader.line(unit.repeat(16_384 / unit.length));
  }
  // A few milliseconds; quadratic patterns need seconds for each.
  t.ok(performance.now() - startedMs < 2000);
});
