/** Registers of one CPU in a dump, by the names that debuggers use. */
export type DumpedRegisters = Readonly<Record<string, bigint>>;

/** What the notes of a dump say. */
export interface CoreNotes {
  /** By CPU: what NT_PRSTATUS has, and with QEMU's own note control registers as well. */
  readonly cpus: readonly DumpedRegisters[];
  /** The text of VMCOREINFO; undefined when there is no such note. */
  readonly vmcoreinfo: string | undefined;
}

const HEADER_BYTES = 12;
const NT_PRSTATUS = 1;
/** Offset of `pr_reg` in `struct elf_prstatus` of x86-64, and the registers in its order (arch/x86/include/asm/elf.h, v6.1). */
const PR_REG = 112;
const PR_REGISTERS = [
  ...([
    'r15',
    'r14',
    'r13',
    'r12',
    'rbp',
    'rbx',
    'r11',
    'r10',
    'r9',
    'r8',
    'rax',
    'rcx',
    'rdx',
    'rsi',
    'rdi',
  ] as const),
  ...([
    'orig_rax',
    'rip',
    'cs',
    'rflags',
    'rsp',
    'ss',
    'fs_base',
    'gs_base',
    'ds',
    'es',
    'fs',
    'gs',
  ] as const),
] as const;
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
  for (let at = 0; at + HEADER_BYTES <= notes.length; ) {
    const nameBytes = notes.readUInt32LE(at);
    const size = notes.readUInt32LE(at + 4);
    const type = notes.readUInt32LE(at + 8);
    const start = at + HEADER_BYTES + align4(nameBytes);
    if (start + size > notes.length || (nameBytes === 0 && size === 0)) break;
    const name = notes
      .toString('latin1', at + HEADER_BYTES, at + HEADER_BYTES + nameBytes)
      .replace(/\0.*$/s, '');
    const body = notes.subarray(start, start + size);
    if (name === 'CORE' && type === NT_PRSTATUS && cpus.length < MOST_CPUS) {
      cpus.push(wordsOf(body, { at: PR_REG, names: PR_REGISTERS }));
    } else if (name === 'QEMU') {
      const cpu = cpus[controls];
      controls += 1;
      if (cpu !== undefined) Object.assign(cpu, wordsOf(body, { at: QEMU_CR, names: QEMU_CONTROL }));
    } else if (name === 'VMCOREINFO') vmcoreinfo ??= body.toString('latin1');
    at = start + align4(size);
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

function align4(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
