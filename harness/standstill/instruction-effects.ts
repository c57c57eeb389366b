import {
  CpuidFeature,
  Decoder,
  DecoderOptions,
  FlowControl,
  Formatter,
  FormatterSyntax,
  Instruction as Iced,
  InstructionInfoFactory,
  MemorySizeExt,
  Mnemonic,
  OpAccess,
  Register,
  type UsedMemory,
} from 'iced-x86';
import type { Registers } from '../machine/debugger.js';

/** Bytes of memory, by virtual address. */
export interface Access {
  readonly address: bigint;
  readonly length: number;
}

/** What one instruction does besides changing registers that a debugger shows. */
export interface Effects {
  /** AT&T syntax. */
  readonly text: string;
  readonly length: number;
  readonly reads: readonly Access[];
  readonly writes: readonly Access[];
  /** Where the next instruction is when no exception occurs; undefined for an indirect branch and a return. */
  readonly next: readonly bigint[] | undefined;
  /** The change of RSP by a branch. */
  readonly stackBytes: bigint;
  /** Why the instruction depends on more than registers and memory, or acts on more; undefined for a plain one. */
  readonly outside?: Outside;
}

/** `time`: it sees time pass or a device; `acts`: it does more than computing; `unknown`: it is not judged. */
export interface Outside {
  readonly kind: 'time' | 'acts' | 'unknown';
  readonly why: string;
}

const MASK = (1n << 64n) - 1n;

/** Instructions of these features use general registers and memory alone, unless they are privileged or listed below. */
const PLAIN_FEATURES: ReadonlySet<CpuidFeature> = new Set([
  CpuidFeature.INTEL8086,
  CpuidFeature.INTEL186,
  CpuidFeature.INTEL286,
  CpuidFeature.INTEL386,
  CpuidFeature.INTEL486,
  CpuidFeature.X64,
  CpuidFeature.CMOV,
  CpuidFeature.CX8,
  CpuidFeature.CMPXCHG16B,
  CpuidFeature.POPCNT,
  CpuidFeature.BMI1,
  CpuidFeature.BMI2,
  CpuidFeature.ADX,
  CpuidFeature.LZCNT,
  CpuidFeature.MOVBE,
  CpuidFeature.PAUSE,
  CpuidFeature.MULTIBYTENOP,
  CpuidFeature.CET_IBT,
  CpuidFeature.SMAP,
  // The bases of FS and GS are among the registers that are compared.
  CpuidFeature.FSGSBASE,
  // They move data between caches and memory, and change neither.
  CpuidFeature.CLFSH,
  CpuidFeature.CLFLUSHOPT,
  CpuidFeature.CLWB,
  CpuidFeature.PREFETCHW,
]);

/** Instructions that do not pass the test of their feature or privilege, and are plain. */
const PLAIN: ReadonlySet<Mnemonic> = new Set([
  // They have no vector registers; their feature is SSE or SSE2.
  Mnemonic.Lfence,
  Mnemonic.Mfence,
  Mnemonic.Sfence,
  Mnemonic.Prefetchnta,
  Mnemonic.Prefetcht0,
  Mnemonic.Prefetcht1,
  Mnemonic.Prefetcht2,
  Mnemonic.Movnti,
  // What it reports depends on the vCPU, its leaf and control registers (Intel SDM volume 2, CPUID).
  Mnemonic.Cpuid,
  Mnemonic.Serialize,
  // They empty caches and TLBs, which changes neither memory nor page tables.
  Mnemonic.Wbinvd,
  Mnemonic.Wbnoinvd,
  Mnemonic.Invlpg,
  // Interrupts are off already.
  Mnemonic.Cli,
  Mnemonic.Clac,
  Mnemonic.Stac,
  // The bases of GS are among the registers that are compared.
  Mnemonic.Swapgs,
  // A vCPU may leave mwait at any time (Intel SDM volume 2, MWAIT), and goes on with the next instruction.
  Mnemonic.Monitor,
  Mnemonic.Mwait,
]);

const TIME: ReadonlyMap<Mnemonic, string> = new Map([
  [Mnemonic.Rdtsc, 'reads the time (rdtsc)'],
  [Mnemonic.Rdtscp, 'reads the time (rdtscp)'],
  [Mnemonic.Rdpmc, 'reads a performance counter (rdpmc)'],
  [Mnemonic.Rdrand, 'reads a random number (rdrand)'],
  [Mnemonic.Rdseed, 'reads a random number (rdseed)'],
  [Mnemonic.Rdmsr, 'reads a model-specific register (rdmsr)'],
  [Mnemonic.In, 'reads a port (in)'],
  [Mnemonic.Insb, 'reads a port (ins)'],
  [Mnemonic.Insw, 'reads a port (ins)'],
  [Mnemonic.Insd, 'reads a port (ins)'],
  [Mnemonic.Tpause, 'waits for a time (tpause)'],
  [Mnemonic.Umwait, 'waits for a time (umwait)'],
  [Mnemonic.Mwaitx, 'waits in mwaitx'],
  [Mnemonic.Hlt, 'halts (hlt)'],
]);

const ACTS: ReadonlyMap<Mnemonic, string> = new Map([
  [Mnemonic.Out, 'writes a port (out)'],
  [Mnemonic.Outsb, 'writes a port (outs)'],
  [Mnemonic.Outsw, 'writes a port (outs)'],
  [Mnemonic.Outsd, 'writes a port (outs)'],
  [Mnemonic.Wrmsr, 'writes a model-specific register (wrmsr)'],
  [Mnemonic.Sti, 'switches interrupts on (sti)'],
  [Mnemonic.Popf, 'may switch interrupts on (popf)'],
  [Mnemonic.Popfd, 'may switch interrupts on (popf)'],
  [Mnemonic.Popfq, 'may switch interrupts on (popf)'],
  [Mnemonic.Int3, 'raises an exception (int3)'],
  [Mnemonic.Ud2, 'raises an exception (ud2)'],
  [Mnemonic.Iretq, 'returns from an exception (iretq)'],
]);

/** Instructions of these features compute with registers that a debugger's general registers lack. */
const VECTOR_FEATURE = /^(?:FPU|MMX|SSE|SSSE3|AVX|AES|VAES|PCLMULQDQ|VPCLMULQDQ|SHA|FMA|F16C|GFNI)/;

/**
 * The effects of the 64-bit instruction at the start of `bytes`, which the vCPU with these registers executes next;
 * undefined when the bytes are invalid or end inside it. Whatever is not known to be plain is `outside`.
 */
export function effectsOf(bytes: Uint8Array, registers: Registers): Effects | undefined {
  const decoder = new Decoder(64, bytes, DecoderOptions.None);
  const formatter = new Formatter(FormatterSyntax.Gas);
  const factory = new InstructionInfoFactory();
  const read = new Iced();
  try {
    decoder.ip = registers.rip;
    decoder.decodeOut(read);
    if (read.isInvalid) return undefined;
    formatter.uppercaseHex = false;
    const info = factory.info(read);
    const memory = info.usedMemory();
    const reads: Access[] = [];
    const writes: Access[] = [];
    let outside = outsideOf(read);
    for (const used of memory) {
      const { access } = used;
      if (access !== OpAccess.None && access !== OpAccess.NoMemAccess) {
        const address = addressOf(used, registers);
        const length = MemorySizeExt.size(used.memorySize) || MemorySizeExt.size(read.memorySize);
        if (address === undefined || length === 0 || length > 64) {
          outside ??= { kind: 'unknown', why: 'has an operand in memory that is not decoded' };
        } else {
          if (READING.has(access)) reads.push({ address, length });
          if (WRITING.has(access)) writes.push({ address, length });
        }
      }
      used.free();
    }
    const effects = {
      text: formatter.format(read).replace(/\s+/g, ' '),
      length: read.length,
      reads,
      writes,
      next: nextOf(read, registers.rip),
      stackBytes: BigInt(read.stackPointerIncrement),
    };
    info.free();
    return outside === undefined ? effects : { ...effects, outside };
  } finally {
    read.free();
    factory.free();
    formatter.free();
    decoder.free();
  }
}

const READING: ReadonlySet<OpAccess> = new Set([
  OpAccess.Read,
  OpAccess.CondRead,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
]);
const WRITING: ReadonlySet<OpAccess> = new Set([
  OpAccess.Write,
  OpAccess.CondWrite,
  OpAccess.ReadWrite,
  OpAccess.ReadCondWrite,
]);

function outsideOf(read: Iced): Outside | undefined {
  const { mnemonic } = read;
  const time = TIME.get(mnemonic);
  if (time !== undefined) return { kind: 'time', why: time };
  const acts = ACTS.get(mnemonic);
  if (acts !== undefined) return { kind: 'acts', why: acts };
  if (PLAIN.has(mnemonic)) return undefined;
  const name = (Mnemonic[mnemonic] ?? '').toLowerCase();
  // CR0 to CR4 and CR8 are among the registers that are compared.
  if (mnemonic === Mnemonic.Mov && isControlRegister(read.op1Register)) return undefined;
  const isPlain =
    !read.isPrivileged &&
    read.cpuidFeatures().every((feature) => PLAIN_FEATURES.has(feature)) &&
    PLAIN_FLOW.has(read.flowControl) &&
    !read.isCallFar &&
    !read.isCallFarIndirect &&
    !read.isJmpFar &&
    !read.isJmpFarIndirect &&
    !FAR_RETURNS.has(mnemonic);
  if (isPlain) return undefined;
  if (read.cpuidFeatures().some((feature) => VECTOR_FEATURE.test(CpuidFeature[feature] ?? '')))
    return { kind: 'acts', why: `computes with vector registers (${name})` };
  return { kind: 'unknown', why: `executes ${name}, which is not judged` };
}

const PLAIN_FLOW: ReadonlySet<FlowControl> = new Set([
  FlowControl.Next,
  FlowControl.UnconditionalBranch,
  FlowControl.ConditionalBranch,
  FlowControl.IndirectBranch,
  FlowControl.Return,
  FlowControl.Call,
  FlowControl.IndirectCall,
]);

/** Returns that load more than RIP and RSP, and system calls, which iced-x86 counts as calls. */
const FAR_RETURNS: ReadonlySet<Mnemonic> = new Set([
  Mnemonic.Iret,
  Mnemonic.Iretd,
  Mnemonic.Iretq,
  Mnemonic.Retf,
  Mnemonic.Sysret,
  Mnemonic.Sysretq,
  Mnemonic.Sysexit,
  Mnemonic.Sysexitq,
  Mnemonic.Syscall,
  Mnemonic.Sysenter,
]);

function isControlRegister(register: Register): boolean {
  return register >= Register.CR0 && register <= Register.CR15;
}

function nextOf(read: Iced, rip: bigint): readonly bigint[] | undefined {
  const following = (rip + BigInt(read.length)) & MASK;
  switch (read.flowControl) {
    case FlowControl.ConditionalBranch:
      return [following, read.nearBranchTarget];
    case FlowControl.UnconditionalBranch:
    case FlowControl.Call:
      return [read.nearBranchTarget];
    case FlowControl.IndirectBranch:
    case FlowControl.IndirectCall:
    case FlowControl.Return:
      return undefined;
    case FlowControl.Next:
    case FlowControl.Interrupt:
    case FlowControl.Exception:
    case FlowControl.XbeginXabortXend:
      // One step executes one iteration of a repeated string instruction.
      return read.hasRepPrefix || read.hasRepnePrefix ? [following, rip] : [following];
  }
}

/** The registers of an address, by their 64-bit names; 32-bit addressing is not judged. */
const ADDRESS_REGISTERS: ReadonlyMap<Register, keyof Registers> = new Map([
  [Register.RAX, 'rax'],
  [Register.RBX, 'rbx'],
  [Register.RCX, 'rcx'],
  [Register.RDX, 'rdx'],
  [Register.RSI, 'rsi'],
  [Register.RDI, 'rdi'],
  [Register.RBP, 'rbp'],
  [Register.RSP, 'rsp'],
  [Register.R8, 'r8'],
  [Register.R9, 'r9'],
  [Register.R10, 'r10'],
  [Register.R11, 'r11'],
  [Register.R12, 'r12'],
  [Register.R13, 'r13'],
  [Register.R14, 'r14'],
  [Register.R15, 'r15'],
]);

/** In 64-bit mode only FS and GS have a base. An address relative to RIP is complete in the displacement. */
function addressOf(used: UsedMemory, registers: Registers): bigint | undefined {
  const base = valueOf(used.base, registers);
  const index = valueOf(used.index, registers);
  if (base === undefined || index === undefined) return undefined;
  const segment =
    used.segment === Register.FS ? registers.fs_base : used.segment === Register.GS ? registers.gs_base : 0n;
  return (segment + base + index * BigInt(used.scale) + used.displacement) & MASK;
}

function valueOf(register: Register, registers: Registers): bigint | undefined {
  if (register === Register.None) return 0n;
  const name = ADDRESS_REGISTERS.get(register);
  return name === undefined ? undefined : registers[name];
}
