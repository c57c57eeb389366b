import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { symbolFileOf } from '../autopsy/symbol-file.js';
import { keepGuest } from '../kept/kept-guests.js';
import type { HostFact, SymbolFile } from '../model/record.js';
import type { KernelSide } from '../timeline/tables-seen.js';
import type { Guest } from './guest.js';
import type { KnownSymbols } from './known-symbols.js';
import { findKernels, orNothing } from './post-mortem.js';

/** Files of symbols for gdb, in the run directory. */
export const SYMBOL_FILES: Readonly<Record<KernelSide, string>> = {
  production: 'first-kernel.elf',
  capture: 'capture-kernel.elf',
};

/** What is needed to leave a guest up. */
export interface GuestToKeep {
  readonly directory: string;
  readonly known: KnownSymbols;
  /** Where guests that are up are counted; undefined: nowhere, and none stays up. */
  readonly cacheDir: string | undefined;
  readonly memoryMiB: number;
  readonly most: number;
  readonly minutes: number;
}

/**
 * Leaves a dead guest up: stops its machine for good, writes the symbols of its kernels for gdb, and hands it over to its
 * supervisor. Returns the fact to record; nothing that fails changes what the run showed.
 */
export async function leaveGuestUp(
  guest: Guest,
  { directory, known, cacheDir, memoryMiB, most, minutes }: GuestToKeep,
): Promise<HostFact> {
  const { machine } = guest;
  const { stayUp } = machine;
  if (stayUp === undefined) return { fact: 'guest-not-kept', why: `${machine.name} ends with its run` };
  if (cacheDir === undefined) return { fact: 'guest-not-kept', why: 'there is no cache to count it in' };
  const symbols: SymbolFile[] = [];
  // Without symbols gdb shows addresses.
  await orNothing(async () => {
    await guest.settled();
    const gdb = await guest.debugger();
    await gdb.interrupt();
    const kernels = await findKernels(guest, gdb, { known, session: undefined });
    for (const side of ['production', 'capture'] as const) {
      const found = kernels[side];
      const file = found === undefined ? undefined : await symbolFileOf(found);
      if (file === undefined) continue;
      await writeFile(join(directory, SYMBOL_FILES[side]), file, { mode: 0o600 });
      const at = (name: string) => hex(found?.symbols.named(name)[0]?.address ?? 0n);
      symbols.push({ file: SYMBOL_FILES[side], text: at('_text'), end: at('_end') });
    }
  });
  let pid: number | undefined;
  const why = await keepGuest(cacheDir, { directory, memoryMiB, most }, async (entry) => {
    ({ pid } = await stayUp({ minutes, files: [entry] }));
  });
  if (why !== undefined || pid === undefined) return { fact: 'guest-not-kept', why: why ?? 'it is gone' };
  return { fact: 'guest-kept', pid, forMinutes: minutes, symbols };
}

function hex(address: bigint): string {
  return `0x${address.toString(16).padStart(16, '0')}`;
}
