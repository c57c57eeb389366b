import type { OrcEntry, OrcRange } from './orc.js';

/**
 * DWARF's call frame information (DWARF 4, 6.4) in a section .debug_frame, made from the kernel's own unwind data: with
 * it gdb finds callers in a kernel without debug information, across interrupts, exceptions and NMIs.
 */

/** DWARF numbers of registers (System V ABI, AMD64 supplement, figure 3.36); 16 is the return address. */
const REGISTER = { dx: 1, di: 5, bp: 6, sp: 7, r10: 10, r13: 13, ra: 16 } as const;

/** Offsets in struct pt_regs (arch/x86/include/asm/ptrace.h, v6.1) by DWARF number. */
const PT_REGS: readonly (readonly [register: number, offset: number])[] = [
  [15, 0],
  [14, 8],
  [13, 16],
  [12, 24],
  [REGISTER.bp, 32],
  [3, 40],
  [11, 48],
  [10, 56],
  [9, 64],
  [8, 72],
  [0, 80],
  [2, 88],
  [1, 96],
  [4, 104],
  [5, 112],
];
const PT_REGS_IP = 128;
const PT_REGS_SP = 152;

const OP = { deref: 0x06, breg: 0x70, plusUconst: 0x23, consts: 0x11, plus: 0x22 } as const;
const CFA = {
  undefined: 0x07,
  sameValue: 0x08,
  defCfa: 0x0c,
  defCfaExpression: 0x0f,
  expression: 0x10,
  offsetExtendedSf: 0x11,
} as const;

/** FDEs of these ranges; the last one ends at `end`. */
export function orcFrames(ranges: readonly OrcRange[], end: bigint): Buffer {
  const out = new FrameSection();
  ranges.forEach(({ start, entry }, index) => {
    const next = ranges[index + 1]?.start ?? end;
    // Equal neighbours are one range in the tables; a range that begins where the next does is empty.
    if (next <= start) return;
    const { program, interrupted } = programOf(entry);
    out.add(start, next, { program, interrupted });
  });
  return out.bytes();
}

/** A piece of code. */
interface CodeRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** Parts of a kernel with frame pointers whose frames differ from the others. */
export interface SpecialCode {
  /**
   * Its entry code. The frame pointer is encoded there: it points into the saved registers, one byte behind their start
   * (arch/x86/include/asm/frame.h, ENCODE_FRAME_POINTER, v6.1).
   */
  readonly entry: readonly CodeRange[];
  /** Functions that switch to another stack: gdb takes that for a damaged one, unless an interrupt began the frame. */
  readonly switching: readonly CodeRange[];
}

/** FDEs of a kernel with frame pointers. */
export function framePointerFrames(text: CodeRange, { entry, switching }: SpecialCode): Buffer {
  const plain = [
    ...[CFA.defCfa, ...uleb(REGISTER.bp), ...uleb(16)],
    ...savedAt(REGISTER.bp, -16),
    ...savedAt(REGISTER.ra, -8),
  ];
  const inEntry = registersAt([OP.breg + REGISTER.bp, ...sleb(-1)]);
  const special = [
    ...entry.map((range) => ({ ...range, program: inEntry, interrupted: true })),
    ...switching.map((range) => ({ ...range, program: plain, interrupted: true })),
  ].toSorted((a, b) => (a.start < b.start ? -1 : 1));
  const out = new FrameSection();
  let at = text.start;
  for (const { start, end, ...frame } of special) {
    // What overlaps with a piece before it, or lies outside, is left out.
    if (start < at || end > text.end || end <= start) continue;
    if (start > at) out.add(at, start, { program: plain, interrupted: false });
    out.add(start, end, frame);
    at = end;
  }
  if (at < text.end) out.add(at, text.end, { program: plain, interrupted: false });
  return out.bytes();
}

/** A frame's program, and whether what called it was interrupted: then its address is that of its next instruction. */
interface FrameProgram {
  readonly program: readonly number[];
  readonly interrupted: boolean;
}

const UNKNOWN: FrameProgram = { program: [CFA.undefined, ...uleb(REGISTER.ra)], interrupted: false };

function programOf(entry: OrcEntry): FrameProgram {
  if (entry.kind === 'undefined' || entry.kind === 'end-of-stack') return UNKNOWN;
  const base = frameEnd(entry);
  if (base === undefined) return UNKNOWN;
  if (entry.kind === 'regs') return { program: registersAt(base), interrupted: true };
  if (entry.kind === 'regs-partial') {
    // The frame that the CPU pushed: RIP first, RSP 24 bytes behind it.
    const cfa = [...base, ...plus(PT_REGS_SP - PT_REGS_IP), OP.deref];
    return {
      program: [...cfaIs(cfa), CFA.expression, ...uleb(REGISTER.ra), ...block(base)],
      interrupted: true,
    };
  }
  // gdb takes the caller on another stack for the end of a damaged one, unless an interrupt began the frame.
  const switches = entry.spRegister === 'sp-indirect' || entry.spRegister === 'bp-indirect';
  return {
    program: [...cfaIs(base), ...savedAt(REGISTER.ra, -8), ...callerBp(entry)],
    interrupted: switches,
  };
}

/** The stack pointer before the call, or the place of the saved registers: a DWARF expression (see orc-step.ts). */
function frameEnd({ spRegister, spOffset }: OrcEntry): number[] | undefined {
  const register = (number: number, offset: number) => [OP.breg + number, ...sleb(offset)];
  switch (spRegister) {
    case 'sp':
      return register(REGISTER.sp, spOffset);
    case 'bp':
      return register(REGISTER.bp, spOffset);
    case 'sp-indirect':
      return [...register(REGISTER.sp, 0), OP.deref, ...plus(spOffset)];
    case 'bp-indirect':
      return [...register(REGISTER.bp, spOffset), OP.deref];
    case 'r10':
    case 'r13':
    case 'di':
    case 'dx':
      return register(REGISTER[spRegister], 0);
    case 'undefined':
    case 'previous-sp':
      return undefined;
  }
}

function callerBp({ bpRegister, bpOffset }: OrcEntry): number[] {
  if (bpRegister === 'previous-sp') return savedAt(REGISTER.bp, bpOffset);
  if (bpRegister === 'bp')
    return [CFA.expression, ...uleb(REGISTER.bp), ...block([OP.breg + REGISTER.bp, ...sleb(bpOffset)])];
  return [CFA.sameValue, ...uleb(REGISTER.bp)];
}

/** All registers are saved in a struct pt_regs at an address, a DWARF expression. */
function registersAt(base: readonly number[]): number[] {
  const at = (offset: number) => [...base, ...plus(offset)];
  const rule = (register: number, offset: number) => [
    CFA.expression,
    ...uleb(register),
    ...block(at(offset)),
  ];
  return [
    ...cfaIs([...at(PT_REGS_SP), OP.deref]),
    ...rule(REGISTER.ra, PT_REGS_IP),
    ...PT_REGS.flatMap(([register, offset]) => rule(register, offset)),
  ];
}

function cfaIs(expression: readonly number[]): number[] {
  return [CFA.defCfaExpression, ...block(expression)];
}

/** A register that is saved at an offset from the CFA, a multiple of the data alignment, -8. */
function savedAt(register: number, offset: number): number[] {
  return [CFA.offsetExtendedSf, ...uleb(register), ...sleb(offset / DATA_ALIGN)];
}

function plus(offset: number): number[] {
  if (offset === 0) return [];
  return offset > 0 ? [OP.plusUconst, ...uleb(offset)] : [OP.consts, ...sleb(offset), OP.plus];
}

function block(expression: readonly number[]): number[] {
  return [...uleb(expression.length), ...expression];
}

const DATA_ALIGN = -8;
const CIE_ID = 0xffff_ffff;
const ENTRY_ALIGN = 8;
const NOP = 0;
const GROW_BYTES = 1024 * 1024;

/** Collects FDEs behind two CIEs: an ordinary one, and one of frames that an interrupt began (augmentation `S`). */
class FrameSection {
  #buffer = Buffer.alloc(GROW_BYTES);
  #length = 0;
  readonly #ordinary: number;
  readonly #interrupted: number;

  constructor() {
    this.#ordinary = this.#addCie('');
    this.#interrupted = this.#addCie('S');
  }

  add(start: bigint, end: bigint, { program, interrupted }: FrameProgram): void {
    const addresses = Buffer.alloc(16);
    addresses.writeBigUInt64LE(start, 0);
    addresses.writeBigUInt64LE(end - start, 8);
    this.#addEntry(interrupted ? this.#interrupted : this.#ordinary, [...addresses, ...program]);
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #addCie(augmentation: string): number {
    const at = this.#length;
    // By default the stack pointer before the call is the CFA, and the return address lies below it.
    const initial = [CFA.defCfa, ...uleb(REGISTER.sp), ...uleb(8), ...savedAt(REGISTER.ra, -8)];
    const body = [
      3,
      ...Buffer.from(`${augmentation}\0`),
      ...uleb(1),
      ...sleb(DATA_ALIGN),
      ...uleb(REGISTER.ra),
    ];
    this.#addEntry(CIE_ID, [...body, ...initial]);
    return at;
  }

  #addEntry(id: number, body: readonly number[]): void {
    const unpadded = 4 + body.length;
    const length = Math.ceil((unpadded + 4) / ENTRY_ALIGN) * ENTRY_ALIGN - 4;
    if (this.#length + 4 + length > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer, Buffer.alloc(Math.max(GROW_BYTES, this.#buffer.length))]);
    }
    this.#buffer.writeUInt32LE(length, this.#length);
    this.#buffer.writeUInt32LE(id, this.#length + 4);
    this.#buffer.set(body, this.#length + 8);
    this.#buffer.fill(NOP, this.#length + 8 + body.length, this.#length + 4 + length);
    this.#length += 4 + length;
  }
}

function uleb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const low = rest & 0x7f;
    rest >>>= 7;
    if (rest === 0) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

function sleb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const low = rest & 0x7f;
    rest >>= 7;
    const isDone = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    if (isDone) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}
