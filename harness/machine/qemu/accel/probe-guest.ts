import { usageFault } from '../../../model/fault.js';

/** Port of the probe's `isa-debug-exit` device. */
export const DEBUG_EXIT_PORT = 0xf4;

/** Port of `isa-debugcon`, where the guest writes {@link STARTED_MARK} right before it starts to count. */
export const DEBUG_CONSOLE_PORT = 0xe9;

/** The byte that says "in long mode, about to count" (ASCII `S`). */
export const STARTED_MARK = 0x53;

/**
 * What the guest writes to the debug exit port when its sum is right (42) or wrong (21). QEMU exits with
 * `value << 1 | 1` (hw/misc/debugexit.c), so neither can be taken for QEMU's own 0 or 1.
 */
const SUM_RIGHT = 0x2a;
const SUM_WRONG = 0x15;

/** Exit status of QEMU when the guest counted to the end and its sum was right. */
export const EXIT_SUM_RIGHT = (SUM_RIGHT << 1) | 1;

/** Exit status of QEMU when the guest counted to the end and its sum was wrong. */
export const EXIT_SUM_WRONG = (SUM_WRONG << 1) | 1;

/** Physical address of the image (1 MiB, the first byte above the legacy hole). */
const LOAD_ADDRESS = 0x10_0000;
const PAGE_BYTES = 0x1000;

/** Offsets in the file and, because one segment maps it whole, from {@link LOAD_ADDRESS}. */
const NOTE_OFFSET = 0xb0;
const GDT_OFFSET = 0xd0;
const GDT_BYTES = 16;
const GDTR_OFFSET = 0xe0;
const CODE_OFFSET = 0x100;
const PML4_OFFSET = 1 * PAGE_BYTES;
const PDPT_OFFSET = 2 * PAGE_BYTES;
const PD_OFFSET = 3 * PAGE_BYTES;
const IMAGE_BYTES = 4 * PAGE_BYTES;

const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
/** Header of the note (12), name `Xen\0` (4), 64-bit entry address (8). */
const NOTE_BYTES = 24;

const TURNS_LIMIT = Number.MAX_SAFE_INTEGER;

/** Options of the probe's guest. */
export interface ProbeGuestOptions {
  /** Turns of the counting loop, 1 to 2^53 - 1. */
  readonly turns: number;
}

/**
 * An ELF kernel for `qemu-system-x86_64 -kernel` that enters long mode, writes {@link STARTED_MARK} to the
 * debug console, adds up 1 to `turns` in a loop, compares the sum with `turns * (turns + 1) / 2` (mod 2^64)
 * and leaves through isa-debug-exit with {@link EXIT_SUM_RIGHT} or {@link EXIT_SUM_WRONG}.
 *
 * It is booted by its PVH note (XEN_ELFNOTE_PHYS32_ENTRY, type 18; hw/i386/x86.c and pc-bios/optionrom/pvh):
 * QEMU enters it in 32-bit protected mode, flat segments, paging and interrupts off. QEMU pads the note's name
 * by the alignment of PT_NOTE and reads the address as 8 bytes from a 64-bit ELF, hence alignment 4 and an
 * 8-byte descriptor.
 *
 * Pure. Throws a usage Fault when `turns` is not a whole number in range.
 */
export function probeGuestElf({ turns }: ProbeGuestOptions): Buffer {
  if (!Number.isInteger(turns) || turns < 1 || turns > TURNS_LIMIT) {
    throw usageFault(
      `cannot build a probe guest of "${turns}" turns: not a whole number from 1 to ${TURNS_LIMIT}; give one`,
    );
  }
  const image = Buffer.alloc(IMAGE_BYTES);
  writeElfHeader(image);
  writePvhNote(image);
  writeGdt(image);
  Buffer.from(guestCode(turns)).copy(image, CODE_OFFSET);
  writePageTables(image);
  return image;
}

/** ELF64 header and two program headers: the whole file as one segment, and the note. */
function writeElfHeader(image: Buffer): void {
  image.set([0x7f, 0x45, 0x4c, 0x46], 0); // magic: 0x7f, "ELF"
  image.set([2, 1, 1], 4); // 64-bit, little-endian, version 1
  image.writeUInt16LE(2, 16); // e_type: ET_EXEC
  image.writeUInt16LE(62, 18); // e_machine: EM_X86_64
  image.writeUInt32LE(1, 20); // e_version
  image.writeBigUInt64LE(BigInt(LOAD_ADDRESS + CODE_OFFSET), 24); // e_entry
  image.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32); // e_phoff
  image.writeUInt16LE(ELF_HEADER_BYTES, 52); // e_ehsize
  image.writeUInt16LE(PROGRAM_HEADER_BYTES, 54); // e_phentsize
  image.writeUInt16LE(2, 56); // e_phnum
  // PT_LOAD, readable + writable (the CPU sets accessed bits) + executable
  writeProgramHeader(image, 0, { type: 1, flags: 7, offset: 0, bytes: IMAGE_BYTES, align: PAGE_BYTES });
  // PT_NOTE, readable
  writeProgramHeader(image, 1, { type: 4, flags: 4, offset: NOTE_OFFSET, bytes: NOTE_BYTES, align: 4 });
}

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly bytes: number;
  readonly align: number;
}

function writeProgramHeader(image: Buffer, index: number, segment: Segment): void {
  const at = ELF_HEADER_BYTES + index * PROGRAM_HEADER_BYTES;
  const address = BigInt(LOAD_ADDRESS + segment.offset);
  image.writeUInt32LE(segment.type, at); // p_type
  image.writeUInt32LE(segment.flags, at + 4); // p_flags
  image.writeBigUInt64LE(BigInt(segment.offset), at + 8); // p_offset
  image.writeBigUInt64LE(address, at + 16); // p_vaddr
  image.writeBigUInt64LE(address, at + 24); // p_paddr
  image.writeBigUInt64LE(BigInt(segment.bytes), at + 32); // p_filesz
  image.writeBigUInt64LE(BigInt(segment.bytes), at + 40); // p_memsz
  image.writeBigUInt64LE(BigInt(segment.align), at + 48); // p_align
}

function writePvhNote(image: Buffer): void {
  image.writeUInt32LE(4, NOTE_OFFSET); // size of the name
  image.writeUInt32LE(8, NOTE_OFFSET + 4); // size of the descriptor
  image.writeUInt32LE(18, NOTE_OFFSET + 8); // XEN_ELFNOTE_PHYS32_ENTRY
  image.write('Xen\0', NOTE_OFFSET + 12, 'latin1');
  image.writeBigUInt64LE(BigInt(LOAD_ADDRESS + CODE_OFFSET), NOTE_OFFSET + 16);
}

/** Two descriptors (none, 64-bit code) and the operand of `lgdt`: limit, then the table's linear address. */
function writeGdt(image: Buffer): void {
  image.writeBigUInt64LE(0x00af_9a00_0000_ffffn, GDT_OFFSET + 8); // present, ring 0, code, readable, L=1
  image.writeUInt16LE(GDT_BYTES - 1, GDTR_OFFSET);
  image.writeUInt32LE(LOAD_ADDRESS + GDT_OFFSET, GDTR_OFFSET + 2);
}

/** Identity map of the first 2 MiB, in which the whole image lies: one entry per level, one large page. */
function writePageTables(image: Buffer): void {
  const present = 1;
  const writable = 2;
  const largePage = 0x80;
  image.writeBigUInt64LE(BigInt(LOAD_ADDRESS + PDPT_OFFSET + present + writable), PML4_OFFSET);
  image.writeBigUInt64LE(BigInt(LOAD_ADDRESS + PD_OFFSET + present + writable), PDPT_OFFSET);
  image.writeBigUInt64LE(BigInt(present + writable + largePage), PD_OFFSET);
}

/** The guest's instructions, position-dependent: they are at {@link LOAD_ADDRESS} + {@link CODE_OFFSET}. */
function guestCode(turns: number): number[] {
  const count = BigInt(turns);
  const sum = BigInt.asUintN(64, (count * (count + 1n)) / 2n);
  const enterLongMode: readonly (readonly number[])[] = [
    [0xfa], // cli
    [0xb8, ...imm32(LOAD_ADDRESS + PML4_OFFSET)], // mov eax, pml4
    [0x0f, 0x22, 0xd8], // mov cr3, eax
    [0x0f, 0x20, 0xe0], // mov eax, cr4
    [0x83, 0xc8, 0x20], // or eax, 0x20 (PAE)
    [0x0f, 0x22, 0xe0], // mov cr4, eax
    [0xb9, ...imm32(0xc000_0080)], // mov ecx, IA32_EFER
    [0x0f, 0x32], // rdmsr
    [0x0d, ...imm32(0x100)], // or eax, 0x100 (LME)
    [0x0f, 0x30], // wrmsr
    [0x0f, 0x01, 0x15, ...imm32(LOAD_ADDRESS + GDTR_OFFSET)], // lgdt [gdtr]
    [0x0f, 0x20, 0xc0], // mov eax, cr0
    [0x0d, ...imm32(0x8000_0001)], // or eax, 0x80000001 (PG, PE)
    [0x0f, 0x22, 0xc0], // mov cr0, eax
  ];
  const farJumpBytes = 7;
  const longMode = LOAD_ADDRESS + CODE_OFFSET + enterLongMode.flat().length + farJumpBytes;
  return [
    ...enterLongMode,
    [0xea, ...imm32(longMode), 0x08, 0x00], // jmp 0x08:longMode
    // longMode:
    [0xb0, STARTED_MARK], // mov al, 'S'
    [0xe6, DEBUG_CONSOLE_PORT], // out 0xe9, al
    [0x48, 0xb9, ...imm64(count)], // mov rcx, turns
    [0x31, 0xc0], // xor eax, eax
    // turn:
    [0x48, 0x01, 0xc8], // add rax, rcx
    [0x48, 0xff, 0xc9], // dec rcx
    [0x75, 0xf8], // jnz turn (-8)
    [0x48, 0xba, ...imm64(sum)], // mov rdx, sum
    [0x48, 0x39, 0xd0], // cmp rax, rdx
    [0xb8, ...imm32(SUM_RIGHT)], // mov eax, 42 (leaves the flags alone)
    [0x74, 0x05], // je leave (+5)
    [0xb8, ...imm32(SUM_WRONG)], // mov eax, 21
    // leave:
    [0xe7, DEBUG_EXIT_PORT], // out 0xf4, eax
    // parked: (QEMU may let the vCPU run on for a moment after the exit request)
    [0xf4], // hlt
    [0xeb, 0xfd], // jmp parked (-3)
  ].flat();
}

function imm32(value: number): number[] {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return [...bytes];
}

function imm64(value: bigint): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return [...bytes];
}
