import { elfNotes } from './elf-notes.js';
import { PT_REGS_GENERAL } from './pt-regs.js';

/** Registers of one CPU in a dump, by the names that debuggers use. */
export type DumpedRegisters = Readonly<Record<string, bigint>>;

/** What the notes of a dump say. */
export interface CoreNotes {
  /** By CPU: what NT_PRSTATUS has, and with QEMU's own note control registers as well. */
  readonly cpus: readonly DumpedRegisters[];
  /** The text of VMCOREINFO; undefined when there is no such note. */
  readonly vmcoreinfo: string | undefined;
}

const NT_PRSTATUS = 1;
/** Offset of `pr_reg` in `struct elf_prstatus` of x86-64, and the registers in its order (arch/x86/include/asm/elf.h, v6.1). */
const PR_REG = 112;
const PR_REGISTERS = [
  ...PT_REGS_GENERAL,
  ...['orig_rax', 'rip', 'cs', 'rflags', 'rsp', 'ss', 'fs_base', 'gs_base', 'ds', 'es', 'fs', 'gs'],
];
/** Offset of `cr` in QEMUCPUState (target/i386/arch_dump.c, 7.2): after 18 registers and ten segments. */
const QEMU_CR = 8 + 18 * 8 + 10 * 24;
const QEMU_CONTROL = ['cr0', 'cr1', 'cr2', 'cr3', 'cr4', 'k_gs_base'] as const;
/** A dump has one for each CPU; more are not read. */
const MOST_CPUS = 512;

/** Reads the notes of an ELF core or of a kdump-compressed dump. What is damaged ends the reading. Pure. */
export function readCoreNotes(notes: Buffer): CoreNotes {
  const cpus: Record<string, bigint>[] = [];
  let controls = 0;
  let vmcoreinfo: string | undefined;
  for (const { name, type, description } of elfNotes(notes)) {
    if (name === 'CORE' && type === NT_PRSTATUS && cpus.length < MOST_CPUS) {
      cpus.push(wordsOf(description, { at: PR_REG, names: PR_REGISTERS }));
    } else if (name === 'QEMU') {
      const cpu = cpus[controls];
      controls += 1;
      if (cpu !== undefined) Object.assign(cpu, wordsOf(description, { at: QEMU_CR, names: QEMU_CONTROL }));
    } else if (name === 'VMCOREINFO') vmcoreinfo ??= description.toString('latin1');
  }
  return { cpus, vmcoreinfo };
}

function wordsOf(
  body: Buffer,
  { at, names }: { readonly at: number; readonly names: readonly string[] },
): Record<string, bigint> {
  const words: Record<string, bigint> = {};
  for (const [index, name] of names.entries()) {
    const where = at + 8 * index;
    if (where + 8 <= body.length) words[name] = body.readBigUInt64LE(where);
  }
  return words;
}
