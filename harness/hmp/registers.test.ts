import t from 'tap';
import { readRegisters, trimRegisters } from './registers.js';

/** Lines of HMP `info registers -a`, QEMU 7.2: a vCPU in the kernel, one that has not begun. */
const LINES = [
  'CPU#0',
  'RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000001 RDX=0000000000000000',
  'RIP=ffffffff81a01cb0 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0',
  'CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]',
  'GDT=     fffffe0000001000 0000007f',
  'IDT=     fffffe0000000000 00000fff',
  'CR0=80050033 CR2=0000000000000000 CR3=0000000004870000 CR4=000006f0',
  'EFER=0000000000001d01',
  'CPU#1',
  'EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1',
  'CS =f000 ffff0000 0000ffff 00009b00 DPL=0 CS16 [-RA]',
  'IDT=     00000000 0000ffff',
  'CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000',
  'EFER=0000000000000000',
];
const TEXT = LINES.join('\r\n');
const EXPECTED = [
  {
    index: 0,
    execution: { width: 64, ip: 0xffffffff81a01cb0n, flags: 0x246, cpl: 0, halted: false },
    cr0: 0x80050033n,
    cr3: 0x4870000n,
    cr4: 0x6f0n,
    efer: 0x1d01n,
    idt: { base: 0xfffffe0000000000n, limit: 0xfff },
    codeIs64Bit: true,
  },
  {
    index: 1,
    execution: { width: 32, ip: 0xfff0n, flags: 2, cpl: 0, halted: true },
    cr0: 0x60000010n,
    cr3: 0n,
    cr4: 0n,
    efer: 0n,
    idt: { base: 0n, limit: 0xffff },
    codeIs64Bit: false,
  },
];

t.test('every register of each vCPU, whatever ends the lines', async (t) => {
  t.strictSame(readRegisters(TEXT), EXPECTED);
  t.strictSame(readRegisters(LINES.join('\n')), EXPECTED);
});

t.test('a trimmed sample shows where each vCPU is', async (t) => {
  const kept = readRegisters(trimRegisters(TEXT));
  t.strictSame(
    kept,
    EXPECTED.map((vcpu) => ({ ...vcpu, efer: undefined, codeIs64Bit: false })),
  );
});

t.test('a missing value is undefined', async (t) => {
  const [vcpu] = readRegisters(TEXT.replaceAll(/^(RIP|CR0|EFER|IDT)=/gm, 'X$1='));
  t.match(vcpu, {
    index: 0,
    execution: undefined,
    efer: undefined,
    idt: undefined,
    codeIs64Bit: true,
  });
  t.equal(readRegisters(LINES.slice(0, 5).join('\n'))[0]?.idt, undefined, 'a GDT is no IDT');
  t.equal(readRegisters('CPU#0\nEFER=1')[0]?.efer, undefined, 'a register that is cut');
  t.equal(readRegisters('CPU#0\nRIP=ffffffff81a01cb0 RFL=00000246 [---Z-P-] CPL=0')[0]?.execution, undefined);
});

t.test('what is no vCPU is left out', async (t) => {
  t.strictSame(readRegisters(''), []);
  t.strictSame(readRegisters('nonsense\nCPU#\nCPU#99999\nEFER=0000000000001d01'), []);
  t.strictSame(
    readRegisters(TEXT.replace('CPU#1', 'CPU#10')).map(({ index }) => index),
    [0, 10],
  );
});

t.test('a vCPU that waits for its start-up IPI is halted, also where KVM shows HLT=0', async (t) => {
  const haltedOf = (text: string) => readRegisters(text).map(({ execution }) => execution?.halted);
  const kvm = TEXT.replace('SMM=0 HLT=1', 'SMM=0 HLT=0');
  t.strictSame(haltedOf(kvm), [false, true]);
  t.strictSame(haltedOf(kvm.replace('EIP=0000fff0', 'EIP=0000fff3')), [false, false], 'it executes');
  t.strictSame(haltedOf(kvm.replace('CR0=60000010', 'CR0=60000011')), [false, false]);
  t.strictSame(haltedOf(kvm.replace('CPU#1', 'CPU#0')), [false, false], 'the first one starts there');
});
