import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { TESTDATA } from '../testing/recordings/fixtures.js';
import { isIncidental, normalLine } from './normal-line.js';

t.test('what differs between two runs of one kernel', async (t) => {
  for (const [line, normal] of [
    ['[    4.908094] CPU: 0 PID: 130 Comm: sh', 'CPU: 0 PID: <pid> Comm: sh'],
    ['[    0.045627][    T0] ACPI: RSDP 0x00000000000F59D0 000014', 'ACPI: RSDP <n> <n>'],
    ['<4>[   12.000001] a', 'a'],
    ['tsc: Detected 2596.140 MHz processor', 'tsc: Detected <n> MHz processor'],
    ['NODE_DATA(0) allocated [mem 0x2f18c000-0x2f1b6fff]', 'NODE_DATA(0) allocated [mem <n>-<n>]'],
    ['RIP: 0010:machine_kexec+0x17/0x42', 'RIP: 0010:machine_kexec+0x17/0x42'],
    ['R10: 00000000000001b6 R11: 0000000000000202', 'R10: <n> R11: <n>'],
    ['R10: deadbeef00000000 R11: 12345678', 'R10: <n> R11: <n>'],
    ['Memory: 405876K/786044K available', 'Memory: <n>K/<n>K available'],
    ['BogoMIPS 5192.28 BogoMIPS (lpj=10384560)', 'BogoMIPS <n> BogoMIPS (lpj=<n>)'],
    [
      'rtc: setting system clock to 2026-11-27T04:12:48 UTC (1795752768)',
      'rtc: setting system clock to <time> UTC (<n>)',
    ],
    ['systemd[1]: Started udevd[231]', 'systemd[1]: Started udevd[<pid>]'.replace('[1]', '[<pid>]')],
    ['uuid 01234567-89ab-cdef-0123-456789abcdef', 'uuid <uuid>'],
    ['\u001b[32mgreen\u001b[0m', 'green'],
    [
      'BUG: unable to handle page fault: error_code(0x0000)',
      'BUG: unable to handle page fault: error_code(0x0000)',
    ],
    ['Linux version 6.12.117+deb12-amd64', 'Linux version 6.12.117+deb12-amd64'],
    ['host cp-1 says cp-1', 'host <nonce> says <nonce>'],
  ] as const)
    t.equal(normalLine(line, { nonce: 'cp-1' }), normal);
  t.equal(normalLine('[    1.000000]   '), '');
});

t.test('what says what happened stays', async (t) => {
  for (const [one, other] of [
    ['Kernel panic - not syncing: sysrq triggered crash', 'Kernel panic - not syncing: Fatal exception'],
    [
      'watchdog: BUG: soft lockup - CPU#0 stuck for 26s!',
      'watchdog: BUG: soft lockup - CPU#1 stuck for 26s!',
    ],
    ['clear_IO_APIC_pin+0x10/0x20', 'clear_IO_APIC_pin+0x14/0x20'],
    ['error_code(0x0000)', 'error_code(0x0002)'],
    ['Linux version 6.1.192', 'Linux version 6.1.193'],
    ['Oops: 0000 [#1]', 'Oops: 0002 [#1]'],
    ['MSR 0x1b', 'MSR 0x1c'],
    ['NMI watchdog: cpu 3', 'NMI watchdog: cpu 4'],
  ] as const)
    t.not(normalLine(one), normalLine(other));
});

t.test('lines that are there by chance', async (t) => {
  for (const line of ['tsc: Fast TSC calibration failed', '? ct_kernel_exit.constprop.0+0x74/0x77'])
    t.ok(isIncidental(line), line);
  for (const line of [
    'Kernel panic - not syncing: IO-APIC + timer does not work!',
    '..MP-BIOS bug: 8254 timer not connected to IO-APIC',
    'clear_IO_APIC_pin+0x10/0x20',
    'tsc',
  ])
    t.notOk(isIncidental(line), line);
});

t.test('of recorded consoles no time and no address is left', async (t) => {
  for (const name of ['captured-6.1', 'captured-6.12', 'crash-path-hang-ioapic-lock']) {
    const lines = readFileSync(join(TESTDATA, name, 'console.bin'), 'latin1').split(/[\r\n]+/);
    for (const line of lines.map((text) => normalLine(text)))
      if (/^\[ *\d+\.\d{6}\]|0x[0-9a-f]{8}|\b[0-9a-f]{16}\b/.test(line)) t.fail(line);
    t.ok(lines.length > 100, name);
  }
});
