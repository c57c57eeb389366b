import t from 'tap';
import { read } from '../testing/builders/console.js';
import { createInt3Reader } from './stale-int3.js';

/** Debian 6.12.117 under QEMU 7.2.22, TCG, as printed (shortened). */
const REPORT = [
  '[    1.853418] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI',
  '[    1.853838] CPU: 0 UID: 0 PID: 0 Comm: swapper/0 Not tainted 6.12.117+deb12-amd64 #1',
  '[    1.854056] Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2-debian-1.16.2-1 04/01/2014',
  '[    1.854141] RIP: 0010:sched_clock_cpu+0x9/0x190',
  '[    1.854406] Code: 90 f3 0f 1e fa 41 54 55 53 66 <90> e8 41 ac f0 ff 48 03 05 a2',
] as const;
const [OOPS, , , RIP, CODE] = REPORT;

function readInt3(...lines: string[]): string[] {
  const reader = createInt3Reader();
  return lines.flatMap((line) => reader.line(line) ?? []);
}

void t.test('an int3 where memory has none', async (t) => {
  t.strictSame(readInt3(...REPORT), ['sched_clock_cpu']);
  t.strictSame(readInt3(OOPS.replace('Oops: ', ''), RIP, CODE), ['sched_clock_cpu'], 'before v6.9');
  t.strictSame(readInt3(OOPS, CODE), [''], 'unknown function');
  t.strictSame(readInt3(...REPORT, RIP, CODE), ['sched_clock_cpu'], 'once for each report');
  t.strictSame(
    readInt3(OOPS, OOPS.replace('#1', '#2'), RIP, CODE, RIP, CODE),
    ['sched_clock_cpu'],
    'two reports that ran into each other',
  );
});

void t.test('what is no such report', async (t) => {
  const INT3 = CODE.replace('66 <90>', 'cc <90>');
  t.strictSame(readInt3(OOPS, RIP, INT3), [], 'the int3 is there');
  t.strictSame(readInt3(OOPS, RIP, INT3, CODE), [], 'the code of something else');
  t.strictSame(readInt3(RIP, CODE), [], 'the code of another oops');
  t.strictSame(readInt3(OOPS.replace('int3: 0000', 'invalid opcode: 0000'), RIP, CODE), []);
  t.strictSame(readInt3(OOPS.replace('Oops: int3', 'said: Oops: int3'), RIP, CODE), [], 'a quotation');
  t.strictSame(readInt3(OOPS, '[    1.854406] Code: <90> e8 41'), [], 'no byte before it');
  t.strictSame(readInt3(OOPS, '[    1.854406] Code: Unable to access opcode bytes at 0x9.'), []);
  t.strictSame(readInt3(OOPS, ...Array.from({ length: 16 }, () => RIP), CODE), [], 'too far away');
});

void t.test('only what the kernel patches is proved to have held an int3', async (t) => {
  const code = (before: string, from: string) => `[    1.854406] Code: 90 f3 0f 1e fa ${before} ${from}`;
  const stale = (line: string) => readInt3(OOPS, RIP, line).length === 1;
  for (const patched of ['0f <1f> 44 00 00 48', 'e8 <10> 20 30 40 48', 'e9 <10> 20 30 40 48', 'eb <1c> 48']) {
    t.ok(stale(code('55', patched)), patched);
  }
  for (const other of [
    '03 <90> 5d c3',
    'cc <90> 5d c3',
    'cc <66> 90 5d c3',
    '0f <0b> 44 00 00',
    '0f <1f> 40 00 00',
    'e8 <10> 20 30',
    '66 <0f> 1f 44',
    '90 <90> 90 90',
  ]) {
    t.notOk(stale(code('cd', other)), other);
  }
  t.notOk(stale(code('f3 cd', '03 <5d> c3 66 90')), 'int $3 with a prefix');
});

void t.test('the console says which kernel it was', async (t) => {
  t.strictSame(
    read(...REPORT).filter((event) => event !== 'report-frame'),
    ['oops production', 'stale-int3 production'],
  );
});
