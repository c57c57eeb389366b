import type { CpuidFeature, FlowControl, Mnemonic, OpAccess, Register } from 'iced-x86';
import type { Registers } from '../machine/debugger.js';
import { iced } from '../symbols/index.js';

/** What instructions do besides computing, by what the decoder calls them. */
export interface InstructionTables {
  readonly plainFeatures: ReadonlySet<CpuidFeature>;
  readonly plain: ReadonlySet<Mnemonic>;
  readonly time: ReadonlyMap<Mnemonic, string>;
  readonly acts: ReadonlyMap<Mnemonic, string>;
  readonly reading: ReadonlySet<OpAccess>;
  readonly writing: ReadonlySet<OpAccess>;
  readonly plainFlow: ReadonlySet<FlowControl>;
  readonly farReturns: ReadonlySet<Mnemonic>;
  readonly addressRegisters: ReadonlyMap<Register, keyof Registers>;
}

let tables: InstructionTables | undefined;

/** The tables, made when they are first asked for: their words are those of a library that is loaded late. */
export function instructionTables(): InstructionTables {
  tables ??= makeTables();
  return tables;
}

function makeTables(): InstructionTables {
  const { CpuidFeature, FlowControl, Mnemonic, OpAccess, Register } = iced();
  /** Instructions of these features use general registers and memory alone, unless they are privileged or listed below. */
  const plainFeatures: ReadonlySet<CpuidFeature> = new Set([
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
  const plain: ReadonlySet<Mnemonic> = new Set([
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

  const time: ReadonlyMap<Mnemonic, string> = new Map([
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

  const acts: ReadonlyMap<Mnemonic, string> = new Map([
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

  const reading: ReadonlySet<OpAccess> = new Set([
    OpAccess.Read,
    OpAccess.CondRead,
    OpAccess.ReadWrite,
    OpAccess.ReadCondWrite,
  ]);
  const writing: ReadonlySet<OpAccess> = new Set([
    OpAccess.Write,
    OpAccess.CondWrite,
    OpAccess.ReadWrite,
    OpAccess.ReadCondWrite,
  ]);

  const plainFlow: ReadonlySet<FlowControl> = new Set([
    FlowControl.Next,
    FlowControl.UnconditionalBranch,
    FlowControl.ConditionalBranch,
    FlowControl.IndirectBranch,
    FlowControl.Return,
    FlowControl.Call,
    FlowControl.IndirectCall,
  ]);

  /** Returns that load more than RIP and RSP, and system calls, which iced-x86 counts as calls. */
  const farReturns: ReadonlySet<Mnemonic> = new Set([
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

  /** The registers of an address, by their 64-bit names; 32-bit addressing is not judged. */
  const addressRegisters: ReadonlyMap<Register, keyof Registers> = new Map([
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
  return { plainFeatures, plain, time, acts, reading, writing, plainFlow, farReturns, addressRegisters };
}
