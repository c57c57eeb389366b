import t from 'tap';
import { createConsoleReader } from './console.js';

/** Debian 6.1.192, `echo c >/proc/sysrq-trigger`, as printed (shortened). */
const WARNING = [
  '[    5.100000] WARNING: CPU: 0 PID: 1 at kernel/x.c:1 some_function+0x1/0x2',
  '[    5.100001]  early_frame+0x10/0x20',
];
const REPORT = [
  '[    9.040000] Kernel panic - not syncing: sysrq triggered crash',
  '[    9.040000] CPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.1.0-56-amd64 #1  Debian 6.1.192-2',
  '[    9.040000] Call Trace:',
  '[    9.040000]  <IRQ>',
  '[    9.040000]  dump_stack_lvl+0x44/0x5c',
  '[    9.040000]  panic+0x118/0x2f4',
  '[    9.040000]  ? _raw_spin_unlock_irqrestore+0x19/0x40',
  '[    9.040000]  serial8250_handle_irq.part.0+0x1e/0xb0 [8250_base]',
  '[    9.040000]  </IRQ>',
  '[    9.040000] RIP: 0010:native_safe_halt+0xb/0x10',
];

function framesOf(...lines: string[]): string[] {
  const reader = createConsoleReader();
  return lines.flatMap((line) =>
    reader.line(line).flatMap((event) => (event.type === 'report-frame' ? [event.function] : [])),
  );
}

void t.test("the frames of a panic's report, without unreliable ones", async (t) => {
  t.strictSame(framesOf(...REPORT), [
    'dump_stack_lvl',
    'panic',
    'serial8250_handle_irq.part.0',
    'native_safe_halt',
  ]);
});

void t.test('an oops opens a report too', async (t) => {
  t.strictSame(
    framesOf('[    1.000000] BUG: kernel NULL pointer dereference, address: 0', ...REPORT.slice(4, 6)),
    ['dump_stack_lvl', 'panic'],
  );
});

void t.test('near misses', async (t) => {
  t.strictSame(framesOf(...WARNING, ...REPORT.slice(2)), [], "a warning's stack is not a fatal report");
  t.strictSame(
    framesOf(
      REPORT[0] ?? '',
      '[    9.040000] log: panic+0x118/0x2f4',
      '[    9.040000]  panic + 0x118',
      'x  panic+0x1/0x2',
    ),
    [],
    'quotations',
  );
  const capture = [
    '[    0.000000] Linux version 6.1.0-56-amd64 (x@y) #1 SMP',
    '[    0.000000] Command line: elfcorehdr=0x26f00000',
  ];
  t.strictSame(framesOf(REPORT[0] ?? '', ...capture, ...REPORT.slice(0, 6)), [], "the capture kernel's");
  const long = Array.from({ length: 300 }, (_, index) => `[    9.000000]  recursion_${index}+0x1/0x2`);
  t.equal(framesOf(REPORT[0] ?? '', ...long).length, 256, 'a report without end is cut');
});

void t.test("lkdtm's lines", async (t) => {
  const hits = (line: string) => createConsoleReader().line(line);
  t.strictSame(hits('[    9.1] x'), []);
  t.strictSame(
    hits('[   14.123456] lkdtm: Crash point INT_HW_IRQ_EN of type PANIC hit, trigger in 9 rounds'),
    [{ type: 'lkdtm-hit', point: 'INT_HW_IRQ_EN', crashType: 'PANIC', roundsLeft: 9 }],
  );
  t.strictSame(hits('[   14.123456] lkdtm: Performing direct entry WARNING'), [
    { type: 'lkdtm-hit', point: 'DIRECT', crashType: 'WARNING', roundsLeft: 0 },
  ]);
  for (const line of [
    "[   14.123456] lkdtm: Couldn't register kprobe do_IRQ",
    '[   14.123456] init: lkdtm: Performing direct entry PANIC',
    '[   14.123456] lkdtm: Crash point INT_HW_IRQ_EN of type PANIC hit, trigger in many rounds',
  ]) {
    t.strictSame(hits(line), [], line);
  }
});
