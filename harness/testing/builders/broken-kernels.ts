import { readFile, writeFile } from 'node:fs/promises';

/** x86 code for the capture kernel's entry. */
export const ENTRY_CODE = {
  /** ud2 with an empty IDT: #UD, #DF, triple fault. */
  tripleFault: Buffer.from([0x0f, 0x0b]),
  /** jmp to itself: silent forever. */
  spin: Buffer.from([0xeb, 0xfe]),
} as const;

/**
 * Copies a bzImage with other code at its 64-bit entry, which is where kexec enters it: 0x200 bytes into the
 * protected-mode part, which follows the boot sector and `setup_sects` more (Documentation/arch/x86/boot.rst).
 */
export async function patchEntry(bzImage: string, target: string, code: Buffer): Promise<void> {
  const bytes = await readFile(bzImage);
  const setupSectors = bytes[0x1f1] ?? 4;
  code.copy(bytes, ((setupSectors === 0 ? 4 : setupSectors) + 1) * 512 + 0x200);
  await writeFile(target, bytes);
}
