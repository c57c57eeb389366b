import t from 'tap';
import { BANNER, CAPTURE_LINE, FIRST_LINE, PANIC, read } from '../testing/builders/console.js';

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
