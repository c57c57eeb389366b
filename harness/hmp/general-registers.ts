/** Registers of one vCPU by their names as QEMU's gdbstub has them; those that the text shows. */
export type GeneralRegisters = Readonly<Partial<Record<GeneralRegister, bigint>>>;

/** What HMP `info registers` shows beside the floating point and vector registers. */
export type GeneralRegister = (typeof GENERAL_REGISTERS)[number];

const GENERAL_REGISTERS = [
  ...(['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip', 'rflags'] as const),
  ...(['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'fs_base', 'gs_base'] as const),
  ...(['cr0', 'cr2', 'cr3', 'cr4', 'efer'] as const),
] as const;

/** `RAX=...`, `R8 =...`, `RFL=00000046`, `CR3=...`. */
const VALUE = /\b(R[A-Z]{2}|R\d{1,2} ?|CR[0234]|EFER)=([0-9a-f]{8,16})\b/g;
/** `CS =0010 0000000000000000 ffffffff 00a09b00 DPL=0 CS64 [-RA]`: selector and base. */
const SEGMENT = /^([CSDEFG]S) =([0-9a-f]{4}) ([0-9a-f]{8,16}) /gm;
const NAMES: ReadonlySet<string> = new Set(GENERAL_REGISTERS);

/**
 * Reads the registers of each vCPU, by number, from HMP `info registers -a` (target/i386/cpu-dump.c,
 * x86_cpu_dump_state(), 7.2). A vCPU that does not run 64-bit code has no `rip` (QEMU prints EIP).
 */
export function readGeneralRegisters(text: string): ReadonlyMap<number, GeneralRegisters> {
  const vcpus = new Map<number, GeneralRegisters>();
  for (const part of text.split(/^CPU#/m).slice(1)) {
    const index = /^\d{1,4}(?=\s|$)/.exec(part)?.[0];
    if (index === undefined) continue;
    const registers: Partial<Record<GeneralRegister, bigint>> = {};
    const keep = (name: string, value: bigint) => {
      if (isGeneral(name)) registers[name] ??= value;
    };
    for (const [, name = '', digits = ''] of part.matchAll(VALUE)) {
      const key = name.trim().toLowerCase();
      keep(key === 'rfl' ? 'rflags' : key, BigInt(`0x${digits}`));
    }
    for (const [, name = '', selector = '', base = ''] of part.matchAll(SEGMENT)) {
      const key = name.toLowerCase();
      keep(key, BigInt(`0x${selector}`));
      keep(`${key}_base`, BigInt(`0x${base}`));
    }
    vcpus.set(Number(index), registers);
  }
  return vcpus;
}

function isGeneral(name: string): name is GeneralRegister {
  return NAMES.has(name);
}
