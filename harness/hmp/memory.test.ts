import t from 'tap';
import { readGeneralRegisters } from './general-registers.js';
import { readCommand, readHostAddress, readMemoryRanges, readMemoryText, readRamRegions } from './memory.js';

/** QEMU 7.2.22, `xp /3gx 0x1000`. */
const DUMP =
  '0000000000001000: 0x0102030405060708 0xffffffff81000000\r\n0000000000001010: 0x0000000000000001\r\n';

void t.test('memory as the monitor prints it', (t) => {
  t.equal(readCommand(0x1000n, 24), 'xp /3gx 0x1000');
  t.equal(
    readMemoryText(DUMP, { address: 0x1000n, length: 24 })?.toString('hex'),
    '0807060504030201000000 81ffffffff0100000000000000'.replace(' ', ''),
  );
  t.equal(readMemoryText(DUMP, { address: 0x1000n, length: 32 }), undefined, 'too short');
  t.equal(readMemoryText(DUMP, { address: 0x1000n, length: 16 }), undefined, 'too long');
  t.equal(readMemoryText(DUMP, { address: 0x2000n, length: 24 }), undefined, 'another address');
  t.equal(readMemoryText('Cannot access memory\r\n', { address: 0n, length: 8 }), undefined);
  t.end();
});

/** QEMU 7.2.22, `info mtree -f`, shortened. */
const TREE = `FlatView #0
 AS "cpu-smm-0", root: memory
 Root memory region: memory
  0000000000000000-00000000000c2fff (prio 0, ram): pc.ram

FlatView #2
 AS "memory", root: system
 AS "cpu-memory-0", root: system
 Root memory region: system
  0000000000000000-000000000009ffff (prio 0, ram): pc.ram
  00000000000a0000-00000000000bffff (prio 1, i/o): vga-lowmem
  00000000000c0000-00000000000cafff (prio 0, rom): pc.ram @00000000000c0000
  00000000000cb000-000000002fffffff (prio 0, ram): pc.ram @00000000000cb000 KVM
  00000000fee00000-00000000feefffff (prio 4096, i/o): apic-msi
  00000000fffc0000-00000000ffffffff (prio 0, rom): pc.bios

`;

void t.test('only memory is a range, never a device', (t) => {
  t.same(readMemoryRanges(TREE), [
    { start: 0n, end: 0xa0000n },
    { start: 0xc0000n, end: 0x30000000n },
    { start: 0xfffc0000n, end: 0x100000000n },
  ]);
  t.equal(readMemoryRanges('unknown command\r\n'), undefined);
  t.end();
});

void t.test('RAM, piece by piece, and where QEMU has it', (t) => {
  t.same(readRamRegions(TREE), [
    { start: 0n, end: 0xa0000n },
    { start: 0xcb000n, end: 0x30000000n },
  ]);
  t.equal(readRamRegions('unknown command\r\n'), undefined);
  t.equal(
    readHostAddress('Host virtual address for 0x100000 (pc.ram) is 0x7f9a27f00000\r\n'),
    0x7f9a27f00000,
  );
  t.equal(readHostAddress('Memory at address 0xfee00000is not RAM\r\n'), undefined);
  t.equal(readHostAddress('No memory is mapped at address 0x30000000\r\n'), undefined);
  t.end();
});

/** QEMU 7.2.22, one vCPU, shortened. */
const REGISTERS = `
CPU#0
RAX=00000013dd9202cd RBX=0000000000005bcc RCX=0000000000000000 RDX=00000000001179a0
R8 =0000000000000000 R9 =0000000000274c0a R10=0000000000000003 R11=ffffffff868d4448
RIP=ffffffff857f77a3 RFL=00000283 [--S---C] CPL=0 II=0 A20=1 SMM=0 HLT=0
CS =0010 0000000000000000 ffffffff 00a09b00 DPL=0 CS64 [-RA]
GS =0000 ff298c06ae400000 00000000 00000000
CR0=80050033 CR2=00000000005eb1e0 CR3=0000000001078000 CR4=00751ef0
DR0=0000000000000001 DR6=00000000ffff0ff0
EFER=0000000000000d01
`;

void t.test('general registers by the names of the gdbstub', (t) => {
  const registers = readGeneralRegisters(REGISTERS).get(0);
  t.match(registers, {
    rax: 0x13dd9202cdn,
    r9: 0x274c0an,
    rip: 0xffffffff857f77a3n,
    rflags: 0x283n,
    cs: 0x10n,
    gs_base: 0xff298c06ae400000n,
    cr3: 0x1078000n,
    efer: 0xd01n,
  });
  t.equal(registers?.rsp, undefined, 'its line is missing');
  t.same(
    Object.keys(registers ?? {}).filter((name) => name.startsWith('d')),
    [],
  );
  t.equal(readGeneralRegisters('no vCPU').size, 0);
  t.end();
});
