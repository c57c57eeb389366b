import t from 'tap';
import { createConsoleReader } from './console.js';
import { SIGNATURES } from './signatures.js';

const BANNER = '[    0.000000] Linux version 6.1.0-56-amd64 (x@y) #1 SMP';
const CAPTURE_LINE = '[    0.000000] Command line: console=ttyS0 elfcorehdr=0x26f00000';
const FIRST_LINE = '[    0.000000] Command line: console=ttyS0 crashkernel=192M';
const PANIC = '[   10.123456] Kernel panic - not syncing: sysrq triggered crash';

/** The types of the events that a console gives, with the sides where there are any. */
function read(...lines: string[]): string[] {
  const reader = createConsoleReader();
  return lines.flatMap((line) =>
    reader.line(line).map((event) => ('side' in event ? `${event.type} ${event.side}` : event.type)),
  );
}

void t.test('a crash and a capture', async (t) => {
  t.strictSame(read(BANNER, FIRST_LINE, PANIC, BANNER, CAPTURE_LINE, PANIC), [
    'kernel-banner',
    'panic production',
    'kernel-banner',
    'capture-command-line',
    'panic capture',
  ]);
});

void t.test('a 32-bit kernel names its command line once, later', async (t) => {
  // Debian 6.1.0-50-686-pae on isapc.
  const banner = '[    0.000000] Linux version 6.1.0-50-686-pae (debian-kernel@lists.debian.org) #1 SMP';
  const line = '[    0.000000] Kernel command line: console=ttyS0,115200 irqpoll elfcorehdr=408948K';
  const near = '[    7.054459] on the kernel command line: elfcorehdr=1';
  t.strictSame(read(banner, near, line, PANIC), ['kernel-banner', 'capture-command-line', 'panic capture']);
  t.strictSame(read(banner, near, PANIC), ['kernel-banner', 'panic production']);
});

void t.test('a second boot without elfcorehdr= is a reboot', async (t) => {
  t.strictSame(read(BANNER, FIRST_LINE, PANIC, BANNER, FIRST_LINE, PANIC), [
    'kernel-banner',
    'panic production',
    'kernel-banner',
    'reboot-command-line',
    'panic rebooted',
  ]);
  t.strictSame(
    read(BANNER, FIRST_LINE, PANIC, BANNER, CAPTURE_LINE, BANNER, FIRST_LINE).at(-1),
    'reboot-command-line',
    'after a capture kernel as well',
  );
});

void t.test('a boot console that is replayed is the same kernel', async (t) => {
  t.strictSame(read(BANNER, FIRST_LINE, BANNER, FIRST_LINE, PANIC), [
    'kernel-banner',
    'kernel-banner',
    'panic production',
  ]);
});

void t.test('a command line of which bytes were lost says nothing; the kernel prints it twice', async (t) => {
  // Debian 6.1.192's capture kernel on a busy host, when its console was a socket.
  const cut = '[    0.000000] Command line: console=ttyS0,115200 irqpoll acpi_rsdp=0xf5ed physical RAM map:';
  const again =
    '[    0.000000] Kernel command line: console=ttyS0,115200 irqpoll acpi_rsdp=0xf59d0 elfcorehdr=769396K';
  t.equal(read(BANNER, FIRST_LINE, PANIC, BANNER, cut).at(-1), 'kernel-banner');
  t.equal(read(BANNER, FIRST_LINE, PANIC, BANNER, cut, again).at(-1), 'capture-command-line');
  t.equal(read(BANNER, PANIC, BANNER, cut).at(-1), 'kernel-banner', 'nothing to compare it with');
});

void t.test('elfcorehdr= must be a word of the kernel command line', async (t) => {
  const ends = (line: string) => read(BANNER, FIRST_LINE, PANIC, BANNER, line).at(-1);
  t.equal(ends('[    0.000000] Command line: elfcorehdr=1 a'), 'capture-command-line');
  t.equal(ends('[    0.000000] Command line: a noelfcorehdr=1'), 'kernel-banner');
  t.equal(ends('[    0.000000] Command line: a=elfcorehdr'), 'kernel-banner');
  t.equal(ends('[    0.000000] Unknown kernel command line parameters "elfcorehdr=1"'), 'kernel-banner');
  t.strictSame(
    read(BANNER, FIRST_LINE, '[    0.000000] Kernel command line: elfcorehdr=1'),
    ['kernel-banner'],
    'the second message of a 64-bit kernel is about the same boot',
  );
  t.equal(ends('[    0.000000] My command line: elfcorehdr=1'), 'kernel-banner', 'another message');
  t.strictSame(read(CAPTURE_LINE), [], 'a command line without a banner');
  t.equal(ends('args: Command line: elfcorehdr=1'), 'kernel-banner', 'quoted');
});

void t.test('time stamps in all their forms', async (t) => {
  const panic = 'Kernel panic - not syncing: x';
  for (const stamp of [
    '',
    '[    1.000000] ',
    '[12345.678901] ',
    '[    1.000000][    T1] ',
    '[    1.000000][  C0] ',
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

/** For each signature, lines as kernels print them, and lines that look like them. */
const EXAMPLES: Record<string, { hits: string[]; misses: string[] }> = {
  'no-irq-handler': {
    hits: ['__common_interrupt: 0.35 No irq handler for vector', 'do_IRQ: 1.55 No irq handler for vector'],
    misses: ['acpi: No irq handler for vector', 'said: __common_interrupt: 0.35 No irq handler for vector'],
  },
  'stale-apic-state': {
    hits: [
      'APIC: Stale IRR: 00000000,00000000,00000000,00000000,00000000,00000000,00010008,00000000 ISR: 00000000,00000000,00000000,00000000,00000000,00000000,00000000,00000000',
    ],
    misses: [
      'APIC: Switch to symmetric I/O mode setup',
      'tool: APIC: Stale IRR: 0 ISR: 0',
      'APIC: Stale IRR: none',
    ],
  },
  'nobody-cared': {
    hits: ['irq 11: nobody cared (try booting with the "irqpoll" option)'],
    misses: ['irq: nobody cared', 'mail: irq 11: nobody cared'],
  },
  'irq-disabled': {
    hits: ['Disabling IRQ #11'],
    misses: ['Disabling IRQ remapping', 'pci: Disabling IRQ #11'],
  },
  'timer-not-connected': {
    hits: ['..MP-BIOS bug: 8254 timer not connected to IO-APIC'],
    misses: ['..TIMER: vector=0x30 apic1=0 pin1=2 apic2=-1 pin2=-1', '[Firmware Bug]: 8254 timer'],
  },
  'soft-lockup': {
    hits: ['watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [swapper/0:1]'],
    misses: ['watchdog: soft lockup detector enabled', 'rcu: soft lockup'],
  },
  'rcu-stall': {
    hits: [
      'rcu: INFO: rcu_preempt self-detected stall on CPU',
      'rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:',
      'rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { }',
    ],
    misses: ['rcu: INFO: stall warnings suppressed', 'rcu: Hierarchical RCU implementation.'],
  },
  'warning-in-capture': {
    hits: ['WARNING: CPU: 0 PID: 1 at kernel/irq/chip.c:210 irq_startup+0x1/0x2'],
    misses: ['WARNING: unsafe configuration', 'libata: WARNING: CPU: 0 PID: 1 at x'],
  },
  'timer-as-virtual-wire': {
    hits: ['...trying to set up timer as Virtual Wire IRQ...'],
    misses: [
      '...trying to set up timer (IRQ0) through the 8259A ...',
      'APIC: Switch to virtual wire mode setup',
    ],
  },
  'tsc-not-calibrated': {
    hits: [
      'tsc: HPET/PMTIMER calibration failed',
      'tsc: No reference (HPET/PMTIMER) available',
      'tsc: Marking TSC unstable due to could not calculate TSC khz',
    ],
    misses: [
      'tsc: HPET/PMTIMER calibration failed. Using PIT calibration.',
      'tsc: Fast TSC calibration failed',
      'tsc: Unable to calibrate against PIT',
    ],
  },
  'tsc-unstable': {
    hits: [
      'tsc: Marking TSC unstable due to TSCs unsynchronized',
      'tsc: Marking TSC unstable due to clocksource watchdog',
    ],
    misses: [
      'tsc: Marking TSC unstable due to boot parameter notsc',
      'tsc: Marking TSC async resets true due to SGI UV4 UVH_EXTIO_INT0',
    ],
  },
  'clocksource-unstable': {
    hits: [
      "clocksource: timekeeping watchdog on CPU0: Marking clocksource 'tsc-early' as unstable because the skew is too large:",
      'clocksource: timekeeping watchdog on CPU1: hpet read-back delay of 98123ns, attempt 4, marking unstable',
    ],
    misses: [
      'clocksource: timekeeping watchdog on CPU0: tsc retried 2 times before success',
      'clocksource: Switched to clocksource tsc-early',
    ],
  },
  'hpet-disabled': {
    hits: [
      'hpet: Config register invalid. Disabling HPET',
      'hpet: Counter not counting. HPET disabled',
      'hpet: Disabling HPET.',
    ],
    misses: ['hpet: HPET dysfunctional in PC10. Force disabled.', 'hpet0: at MMIO 0xfed00000, IRQs 2, 8, 0'],
  },
  'apic-timer-disabled': {
    hits: [
      'APIC timer disabled due to verification failure',
      'APIC frequency too slow, disabling apic timer',
      'APIC: APIC timer disabled due to verification failure',
    ],
    misses: ['Disabling APIC timer', 'APIC calibration not consistent with PM-Timer: 113ms instead of 100ms'],
  },
  'spurious-lapic-timer': {
    hits: ['Spurious LAPIC timer interrupt on cpu 0', 'APIC: Spurious LAPIC timer interrupt on cpu 0'],
    misses: ['log: Spurious LAPIC timer interrupt on cpu 0', 'spurious 8259A interrupt: IRQ7.'],
  },
  'spurious-interrupt': {
    hits: [
      'Spurious APIC interrupt (vector 0xFF) on CPU#0, should never happen.',
      'Spurious interrupt (vector 0x24) on CPU#0. Acked',
      'APIC: Spurious interrupt (vector 0x24) on CPU#0. Not pending!',
    ],
    misses: ['hpet: Spurious interrupt HPET channel 1', 'spurious 8259A interrupt: IRQ7.'],
  },
  'oom-killer': {
    hits: [
      'kworker/u2:0 invoked oom-killer: gfp_mask=0xcd0(GFP_KERNEL|__GFP_RECLAIMABLE), order=0, oom_score_adj=0',
      'busybox invoked oom-killer: gfp_mask=0x1100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0',
    ],
    misses: [
      'my program says that it invoked oom-killer: gfp_mask=0xcd0',
      'Out of memory and no killable processes...',
    ],
  },
  'oom-kill': {
    hits: [
      'Out of memory: Killed process 77 (makedumpfile) total-vm:1kB, anon-rss:1kB',
      'Out of memory (oom_kill_allocating_task): Killed process 77 (sh) total-vm:1kB',
    ],
    misses: ['Out of memory and no killable processes...', 'app: Out of memory: Killed process 77 (x)'],
  },
  'allocation-failure': {
    hits: ['swapper/0: page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL|__GFP_COMP)'],
    misses: [
      'warn_alloc: page allocation stalls',
      'a long quotation of a page: page allocation failure: order:4',
    ],
  },
  'unknown-nmi': {
    hits: ['Uhhuh. NMI received for unknown reason 20 on CPU 0.'],
    misses: ['NMI received for unknown reason', 'log: Uhhuh. NMI received for unknown reason 20'],
  },
};

void t.test('signatures', async (t) => {
  t.strictSame(Object.keys(EXAMPLES).sort(), SIGNATURES.map(({ name }) => name).sort(), 'each has examples');
  for (const { name, side, source } of SIGNATURES) {
    t.match(source, /^(arch|kernel|mm)\//, `${name} names its kernel source`);
    const namesOf = (line: string, from: string = side) => {
      const reader = createConsoleReader();
      if (from === 'capture') [BANNER, CAPTURE_LINE].map((first) => reader.line(first));
      return reader.line(line).flatMap((event) => (event.type === 'signature' ? [event.name] : []));
    };
    for (const hit of EXAMPLES[name]?.hits ?? []) {
      t.strictSame(namesOf(`[    1.000000] ${hit}`), [name], hit);
      t.strictSame(namesOf(hit), [name], `${hit} (no time stamp)`);
      t.strictSame(
        namesOf(hit, side === 'capture' ? 'production' : 'capture'),
        side === 'both' ? [name] : [],
        `${hit} (the other kernel)`,
      );
    }
    for (const miss of EXAMPLES[name]?.misses ?? []) t.strictSame(namesOf(miss), [], miss);
  }
});

void t.test('escape sequences are looked through', async (t) => {
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
