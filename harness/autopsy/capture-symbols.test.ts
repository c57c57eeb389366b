import t from 'tap';
import { handlerOf, idtBases } from './capture-symbols.js';

t.test('the IDT of each vCPU, in the text of QEMU 7.2', async (t) => {
  const text = [
    'CPU#0',
    'RIP=ffffffff8fa2b0ab RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1',
    'IDT=     fffffe0000000000 00000fff',
    'CR0=80050033 CR2=0000000000000000 CR3=000000002e00c000 CR4=000006b0',
    'CPU#1',
    'RIP=0000000000000000 RFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1',
    'GDT=     fffffe0000001000 0000007f',
  ].join('\n');
  t.strictSame([...idtBases(text)], [[0, 0xfffffe0000000000n]], 'a GDT is no IDT');
  t.equal(idtBases('').size, 0);
});

t.test('the handler of a gate', async (t) => {
  // A gate as arch/x86/kernel/idt.c packs it (v6.1): offset in three parts, segment 0x10, present.
  t.equal(handlerOf(Buffer.from('500f1000008ec08fffffffff00000000', 'hex')), 0xffffffff8fc00f50n);
});
