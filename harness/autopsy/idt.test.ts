import t from 'tap';
import { readIdtr, runs64Bit } from './idt.js';

/** Lines of HMP `info registers -a`, QEMU 7.2: a vCPU in the kernel, one that has not begun. */
const TEXT = [
  'CPU#0',
  'RIP=ffffffff81a01cb0 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0',
  'CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]',
  'IDT=     fffffe0000000000 00000fff',
  'CR0=80050033 CR2=0000000000000000 CR3=0000000004870000 CR4=000006f0',
  'CPU#1',
  'EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1',
  'CS =f000 ffff0000 0000ffff 00009b00 DPL=0 CS16 [-RA]',
  'IDT=     00000000 0000ffff',
].join('\r\n');

void t.test('IDTR and the kind of code are read for the vCPU that is asked for', async (t) => {
  t.strictSame(readIdtr(TEXT, 0), { base: 0xfffffe0000000000n, limit: 0xfff });
  t.strictSame(readIdtr(TEXT, 1), { base: 0n, limit: 0xffff });
  t.equal(runs64Bit(TEXT, 0), true);
  t.equal(runs64Bit(TEXT, 1), false);
});

void t.test('a vCPU that is not there has none', async (t) => {
  t.equal(readIdtr(TEXT, 2), undefined);
  t.equal(readIdtr(TEXT.replaceAll('CPU#1', 'CPU#10'), 1), undefined, 'CPU 1 is not CPU 10');
  t.equal(runs64Bit('', 0), false);
});
