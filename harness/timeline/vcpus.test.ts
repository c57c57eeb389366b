import t from 'tap';
import { trimRegisters } from '../hmp/registers.js';
import {
  armedReport,
  CAPTURE_START_RIP,
  CRASH_CR3,
  FIRST_CR3,
  type MadeVcpu,
  PURGATORY_RIP,
  registers,
} from '../testing/builders/runs.js';
import { parseArmed } from './armed.js';
import { readVcpus } from './vcpus.js';

const ARMED = parseArmed(armedReport());
const KERNEL_RIP = 0xffffffff81234567n;

function placeOf(vcpu: MadeVcpu, armed = ARMED) {
  return readVcpus(registers([vcpu]), armed)[0]?.place;
}

void t.test('one state per vCPU', async (t) => {
  const text = registers([
    { rip: KERNEL_RIP, interrupts: true },
    { rip: 0x1000n, halted: true, cr3: CRASH_CR3 },
  ]);
  t.strictSame(readVcpus(text, ARMED), [
    { index: 0, rip: 'ffffffff81234567', interruptsOn: true, halted: false, place: 'first-kernel' },
    { index: 1, rip: '1000', interruptsOn: false, halted: true, place: 'jump' },
  ]);
  t.strictSame(readVcpus(trimRegisters(text), ARMED), readVcpus(text, ARMED), 'trimming loses nothing');
  t.ok(trimRegisters(text).length < text.length - 100, 'and drops the rest');
  t.strictSame(
    readVcpus(trimRegisters(text.replaceAll('\n', '\r\n')), ARMED).length,
    2,
    'HMP ends lines with CR LF',
  );
});

void t.test('places on the crash path', async (t) => {
  t.equal(placeOf({ rip: KERNEL_RIP }), 'first-kernel');
  t.equal(placeOf({ rip: 0x7ffd1000n, cpl: 3 }), 'user');
  t.equal(placeOf({ rip: 0x25800000n, cr3: CRASH_CR3 }), 'jump', 'identity mapped, in no segment');
  t.equal(placeOf({ rip: PURGATORY_RIP, cr3: CRASH_CR3 }), 'purgatory');
  t.equal(placeOf({ rip: CAPTURE_START_RIP, cr3: CRASH_CR3 }), 'capture-start');
  t.equal(placeOf({ rip: KERNEL_RIP, cr3: CRASH_CR3 }), 'capture-kernel');
  t.equal(placeOf({ rip: 0x401000n, cr3: CRASH_CR3, cpl: 3 }), 'capture-kernel', 'its userspace');
});

void t.test('without segments (kexec_file_load), what lies where after the jump is not known', async (t) => {
  const unknown = parseArmed(armedReport({ segments: false }));
  for (const rip of [0x25800000n, PURGATORY_RIP, CAPTURE_START_RIP]) {
    t.equal(placeOf({ rip, cr3: CRASH_CR3 }, unknown), 'after-jump');
  }
  t.equal(placeOf({ rip: 0xffff888001234000n, cr3: CRASH_CR3 }, unknown), 'jump', 'in the direct mapping');
  t.equal(placeOf({ rip: KERNEL_RIP, cr3: CRASH_CR3 }, unknown), 'capture-kernel');
  t.equal(placeOf({ rip: PURGATORY_RIP, cr3: FIRST_CR3 }, unknown), 'first-kernel');
});

void t.test('near misses of places', async (t) => {
  t.equal(
    placeOf({ rip: PURGATORY_RIP, cr3: FIRST_CR3 }),
    'first-kernel',
    "the address on the first kernel's tables",
  );
  t.equal(placeOf({ rip: KERNEL_RIP, cr3: 0x1afff000n }), 'first-kernel', 'a page below the reservation');
  t.equal(placeOf({ rip: KERNEL_RIP, cr3: 0x27000000n }), 'first-kernel', 'a page above it');
  t.equal(placeOf({ rip: KERNEL_RIP, cr3: 0x26fff000n }), 'capture-kernel', 'its last page');
  t.equal(
    placeOf({ rip: KERNEL_RIP, cr3: CRASH_CR3 | 0x803n }),
    'capture-kernel',
    'PCID bits are no address',
  );
  t.equal(
    placeOf({ rip: KERNEL_RIP, cr3: CRASH_CR3 | (1n << 63n) }),
    'capture-kernel',
    'nor is the no-flush bit',
  );
  t.equal(
    placeOf({ rip: PURGATORY_RIP, cr3: CRASH_CR3 }, parseArmed('loaded=0')),
    'first-kernel',
    'nothing is reserved',
  );
});

void t.test('a vCPU in real mode is in firmware', async (t) => {
  const text = [
    'CPU#0',
    'EAX=00000000 EBX=00000000 ECX=00000000 EDX=00000663',
    'EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=1',
    'IDT=     00000000 0000ffff',
    'CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000',
  ].join('\n');
  t.strictSame(readVcpus(text, ARMED), [
    { index: 0, rip: 'fff0', interruptsOn: false, halted: true, place: 'firmware' },
  ]);
});

/** One vCPU of a 32-bit guest, in QEMU 7.2's form; paging on unless `cr0` says otherwise. */
function place32(vcpu: { eip: number; cr3?: bigint; cr0?: string; cpl?: number }) {
  const { eip, cr3 = FIRST_CR3, cr0 = '80050033', cpl = 0 } = vcpu;
  const hex = (value: number | bigint) => value.toString(16).padStart(8, '0');
  const text = [
    'CPU#0',
    `EIP=${hex(eip)} EFL=00000046 [---Z-P-] CPL=${cpl} II=0 A20=1 SMM=0 HLT=0`,
    'IDT=     ff400000 000007ff',
    `CR0=${cr0} CR2=00000000 CR3=${hex(cr3)} CR4=00000690`,
  ].join('\n');
  return readVcpus(text, ARMED)[0]?.place;
}

void t.test('places of a 32-bit guest, which jumps with paging off', async (t) => {
  const UNPAGED = '00050033';
  t.equal(place32({ eip: 0xc1234567 }), 'first-kernel');
  t.equal(place32({ eip: 0x08048000, cpl: 3 }), 'user');
  t.equal(place32({ eip: 0x1b002000, cr0: UNPAGED }), 'jump', 'the copy of relocate_kernel');
  t.equal(place32({ eip: Number(PURGATORY_RIP), cr0: UNPAGED }), 'purgatory');
  t.equal(place32({ eip: Number(CAPTURE_START_RIP), cr0: UNPAGED }), 'capture-start');
  t.equal(place32({ eip: 0xc0000000 + Number(CAPTURE_START_RIP), cr3: CRASH_CR3 }), 'capture-kernel');
  t.equal(place32({ eip: 0xf8001000, cr3: CRASH_CR3 }), 'capture-kernel', 'its modules');
  t.equal(place32({ eip: 0x08048000, cr3: CRASH_CR3, cpl: 3 }), 'capture-kernel', 'its userspace');
});

void t.test('near misses of a 32-bit guest', async (t) => {
  t.equal(place32({ eip: 0x9a000, cr0: '00000011' }), 'firmware', 'a vCPU on its way up, unpaged');
  t.equal(place32({ eip: Number(PURGATORY_RIP), cr0: '00000010' }), 'firmware', 'real mode');
  t.equal(
    place32({ eip: Number(PURGATORY_RIP) }),
    'first-kernel',
    "the address on the first kernel's tables",
  );
  t.equal(place32({ eip: 0xdb002000, cr3: CRASH_CR3 }), 'jump', 'the direct mapping of a control page');
});

void t.test('what is incomplete is left out', async (t) => {
  const text = registers([{ rip: KERNEL_RIP }, { rip: KERNEL_RIP }]);
  t.equal(readVcpus(text.slice(0, -60), ARMED).length, 1);
  t.strictSame(readVcpus('', ARMED), []);
  t.strictSame(readVcpus('CPU#0\nnonsense\nCPU#', ARMED), []);
  t.strictSame(readVcpus(text.replaceAll('RFL=', 'LFR='), ARMED), []);
});

void t.test('two reservations: page tables in either are those of the capture kernel', async (t) => {
  const high = parseArmed(
    'range=7b000000-7f7fffff : Crash kernel\nrange=177000000-17effffff : Crash kernel\n',
  );
  for (const [cr3, place] of [
    [0x7b001000n, 'capture-kernel'],
    [0x17efff000n, 'capture-kernel'],
    [0x80000000n, 'first-kernel'],
    [0x17f000000n, 'first-kernel'],
  ] as const) {
    t.equal(placeOf({ rip: KERNEL_RIP, cr3 }, high), place, cr3.toString(16));
  }
});
