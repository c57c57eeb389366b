import { keepLatest } from '../model/latest.js';

/** A vCPU's state on the line of its instruction pointer. */
export interface VcpuExecution {
  /** QEMU prints RIP in 64-bit code and EIP elsewhere (target/i386/cpu-dump.c, 7.2). */
  readonly width: 64 | 32;
  readonly ip: bigint;
  readonly flags: number;
  /** Current privilege level; 3 is user mode. */
  readonly cpl: number;
  /** Halted, or waiting for a start-up IPI; see {@link waitsForStartup}. */
  readonly halted: boolean;
}

/** Interrupt descriptor table register: linear base, limit in bytes. */
export interface Idtr {
  readonly base: bigint;
  readonly limit: number;
}

/** One vCPU in HMP `info registers -a`. A value whose line is missing or incomplete is undefined. */
export interface VcpuRegisters {
  readonly index: number;
  readonly execution: VcpuExecution | undefined;
  readonly cr0: bigint | undefined;
  readonly cr3: bigint | undefined;
  readonly cr4: bigint | undefined;
  readonly efer: bigint | undefined;
  readonly idt: Idtr | undefined;
  /** Whether it runs 64-bit code, according to its CS descriptor. */
  readonly codeIs64Bit: boolean;
}

const EXECUTION = /^([RE])IP=([0-9a-f]{8,16}) [RE]FL=([0-9a-f]{8}) \[[^\]]*\] CPL=([0-3]) .*HLT=([01])/m;
const IDT = /^IDT=\s*([0-9a-f]{8,16}) ([0-9a-f]{8})\r?$/m;
const CR0 = /\bCR0=([0-9a-f]{8,16})\b/;
const CR3 = /\bCR3=([0-9a-f]{8,16})\b/;
const CR4 = /\bCR4=([0-9a-f]{8,16})\b/;
const EFER = /^EFER=([0-9a-f]{16})\b/m;
/** `CS =0010 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]`. */
const CODE_64_BIT = /^CS =.*\bCS64\b/m;

/**
 * Reads HMP `info registers -a`, whole or trimmed: `CPU#0`, then `RIP=... RFL=... CPL=. ... HLT=.`, `IDT= ...`,
 * `CR0=... CR3=...`, `EFER=...` (QEMU 7.2; the same under TCG and KVM; EIP and EFL in 32-bit and real mode). Lines may
 * end with CR LF. The vCPUs are in the order of the text.
 */
export function readRegisters(text: string): readonly VcpuRegisters[] {
  return latest(text);
}

/** A sample is read by all that follow the vCPUs, one after the other. */
const latest = keepLatest(1, parseRegisters);

function parseRegisters(text: string): VcpuRegisters[] {
  return text
    .split(/^CPU#/m)
    .slice(1)
    .flatMap((part) => {
      const index = /^\d{1,4}(?=\s|$)/.exec(part)?.[0];
      return index === undefined ? [] : [readVcpu(Number(index), part)];
    });
}

function readVcpu(index: number, part: string): VcpuRegisters {
  const hex = (pattern: RegExp) => {
    const digits = pattern.exec(part)?.[1];
    return digits === undefined ? undefined : BigInt(`0x${digits}`);
  };
  const cr0 = hex(CR0);
  const execution = readExecution(part);
  const waits = execution !== undefined && waitsForStartup({ index, execution, cr0 });
  return {
    index,
    execution: waits ? { ...execution, halted: true } : execution,
    cr0,
    cr3: hex(CR3),
    cr4: hex(CR4),
    efer: hex(EFER),
    idt: readIdtr(part),
    codeIs64Bit: CODE_64_BIT.test(part),
  };
}

/** EIP after INIT (Intel SDM volume 3, 9.1.4). */
const RESET_IP = 0xfff0n;
const PROTECTED = 1n;

/** Whether a vCPU is at the reset vector, in real mode: after power-on, a reset or INIT. */
export function isAtReset({ execution, cr0 = 0n }: Pick<VcpuRegisters, 'execution' | 'cr0'>): boolean {
  return execution?.width === 32 && execution.ip === RESET_IP && (cr0 & PROTECTED) === 0n;
}

/**
 * A vCPU other than the first that waits for INIT or a start-up IPI: it is at the reset vector, where it never executes
 * anything, because the IPI names another address. TCG shows HLT=1 for it, KVM with its own APIC HLT=0: there HLT is
 * only KVM_MP_STATE_HALTED (target/i386/kvm/kvm.c, kvm_get_mp_state(), 7.2).
 */
function waitsForStartup(vcpu: Pick<VcpuRegisters, 'index' | 'execution' | 'cr0'>): boolean {
  return vcpu.index > 0 && isAtReset(vcpu);
}

function readExecution(part: string): VcpuExecution | undefined {
  const [, width, ip = '', flags = '', cpl, halted] = EXECUTION.exec(part) ?? [];
  if (width === undefined) return undefined;
  return {
    width: width === 'R' ? 64 : 32,
    ip: BigInt(`0x${ip}`),
    flags: Number.parseInt(flags, 16),
    cpl: Number(cpl),
    halted: halted === '1',
  };
}

function readIdtr(part: string): Idtr | undefined {
  const [, base, limit] = IDT.exec(part) ?? [];
  if (base === undefined || limit === undefined) return undefined;
  return { base: BigInt(`0x${base}`), limit: Number.parseInt(limit, 16) & 0xffff };
}

/**
 * Keeps the lines of HMP `info registers -a` that show where each vCPU is, for the recording. The rest is segment and
 * vector registers, which are most of the text.
 */
export function trimRegisters(text: string): string {
  return text
    .split(/\r?\n/)
    .filter((line) => /^(CPU#\d|[RE]IP=|IDT=|CR0=)/.test(line))
    .join('\n');
}
