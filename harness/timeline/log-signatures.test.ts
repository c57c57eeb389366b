import t from 'tap';
import { BANNER, CAPTURE_LINE } from '../testing/builders/console.js';
import { createConsoleReader } from './console.js';
import { LOG_SIGNATURES } from './log-signatures.js';

/** For each row of its own, lines as kernels print them, and lines that look like them. */
const EXAMPLES: Record<string, { hits: string[]; misses: string[] }> = {
  'crash-kernel-loaded': {
    hits: [
      'CPU: 2 PID: 0 Comm: swapper/2 Kdump: loaded Not tainted 5.10.4 #1',
      'CPU: 0 UID: 0 PID: 77 Comm: kworker/u8:1 ext4 Kdump: loaded Tainted: G        W          6.12.9 #1',
    ],
    misses: ['CPU: 2 PID: 0 Comm: swapper/2 Not tainted 5.10.4 #1', 'kdump: kexec: loaded kdump kernel'],
  },
  'crash-kernel-missing': {
    hits: [
      'CPU: 2 PID: 0 Comm: swapper/2 Not tainted 5.10.4',
      'CPU: 0 PID: 1 Comm: sh Tainted: G    B   W  OE     6.1.0-56-amd64',
      'CPU: 0 UID: 0 PID: 1 Comm: sh Tainted: [W]=WARN, [O]=OOT_MODULE 6.12.9',
    ],
    misses: ['CPU: 1 PID: 7 Comm: tee Kdump: loaded Not tainted 6.8.0', 'CPU: 0 PID: 1 Comm: sh', 'CPU0: x'],
  },
  'first-kernel-lockup': {
    hits: [
      'watchdog: BUG: soft lockup - CPU#3 stuck for 26s!',
      'BUG: soft lockup - CPU#3 stuck for 26s!',
      'NMI watchdog: Watchdog detected hard LOCKUP on cpu 10',
      'INFO: task kworker/2:1:88 blocked for more than 122 seconds',
      'rcu: INFO: rcu_sched detected stall',
    ],
    misses: ['watchdog: soft lockup detector enabled', 'mail: BUG: soft lockup - CPU#3 stuck for 26s!'],
  },
  'nmi-backtrace': {
    hits: ['NMI backtrace for cpu 12'],
    misses: ['Sending NMI from CPU 1 to CPUs 0:', 'x: NMI backtrace for cpu 12'],
  },
  'capture-init-started': {
    hits: ['Run /init as init process'],
    misses: ['Run by init process', 'x: Run /init as init process'],
  },
  'kernel-ended-itself': {
    hits: ['reboot: Restarting system', 'reboot: Power down'],
    misses: ['reboot: System halted', 'systemd-shutdown[1]: Rebooting.'],
  },
  'console-disabled': {
    hits: [
      'printk: console [ttyS0] disabled',
      'console [tty0] disabled',
      'printk: bootconsole [earlyser0] disabled',
    ],
    misses: ['printk: console [ttyS0] enabled', 'said: console [tty0] disabled'],
  },
};

void t.test('rows that only a log needs', async (t) => {
  const own = LOG_SIGNATURES.filter(({ name }) => !name.startsWith('dump-'));
  t.strictSame(Object.keys(EXAMPLES).sort(), own.map(({ name }) => name).sort(), 'each has examples');
  for (const { name, side, degrades } of LOG_SIGNATURES) {
    t.notOk(degrades, `${name} changes no verdict of a run`);
    const namesOf = (line: string, further: typeof LOG_SIGNATURES) => {
      const reader = createConsoleReader('production', { further });
      if (side === 'capture') [BANNER, CAPTURE_LINE].map((first) => reader.line(first));
      return reader.line(line).flatMap((event) => (event.type === 'signature' ? [event.name] : []));
    };
    for (const hit of EXAMPLES[name]?.hits ?? []) {
      t.ok(namesOf(`[    1.000000] ${hit}`, LOG_SIGNATURES).includes(name), hit);
      t.notOk(namesOf(hit, []).includes(name), `${hit} (a run)`);
    }
    for (const miss of EXAMPLES[name]?.misses ?? [])
      t.notOk(namesOf(miss, LOG_SIGNATURES).includes(name), miss);
  }
});
