import { KERNEL_IMAGE } from '../model/place.js';
import { GdbRemoteError, type Registers } from '../qemu/gdbstub/index.js';
import type { KernelSymbol } from '../symbols/index.js';
import type { TraceContext } from './context.js';

const PAGE_BYTES = 4096;
/** Equal bytes for code to count as a copy of a function. */
const SAME_BYTES = 24;

interface Original {
  readonly symbol: KernelSymbol;
  readonly bytes: Buffer;
  readonly note: string;
}

/** Code that runs at another address than its symbols. */
interface Copy {
  /** Difference from an address in the copy to the original's. */
  readonly delta: bigint;
  readonly first: bigint;
  readonly last: bigint;
  readonly note: string;
}

/**
 * Names for code that runs at other addresses than its symbols: machine_kexec() copies relocate_kernel() into the
 * control page, and the capture kernel begins with startup_64() at its physical address. A name is used only when the
 * bytes equal those of the crashed kernel.
 */
export class KnownCode {
  readonly #originals: readonly Original[];
  readonly #context: TraceContext;
  #copy: Copy | undefined;
  /** The crashed kernel's symbols name the capture kernel's code as well: it begins with the same bytes. */
  #sameKernel = false;
  #jumped = false;

  private constructor(context: TraceContext, originals: readonly Original[]) {
    this.#context = context;
    this.#originals = originals;
  }

  /** Reads the originals from the crashed kernel, before the jump. */
  static async read(vcpu: number, context: TraceContext): Promise<KnownCode> {
    const originals: Original[] = [];
    for (const [name, note, length] of [
      ['relocate_kernel', 'copy', PAGE_BYTES],
      ['startup_64', 'identity-mapped', SAME_BYTES],
    ] as const) {
      const [symbol] = context.symbols.named(name);
      if (symbol === undefined) continue;
      try {
        originals.push({
          symbol,
          note,
          bytes: await context.gdb.readMemory(symbol.address, length, { vcpu }),
        });
      } catch (error) {
        if (!(error instanceof GdbRemoteError)) throw error;
      }
    }
    return new KnownCode(context, originals);
  }

  /** `FUNCTION+OFFSET/SIZE`, with a note for a copy, or the bare address. `code` are the bytes there. */
  label({ rip }: Registers, code: Buffer): string {
    const { symbols } = this.#context;
    if (rip >= KERNEL_IMAGE)
      return this.#jumped && !this.#sameKernel ? `0x${rip.toString(16)}` : symbols.label(rip);
    this.#jumped = true;
    if (this.#copy === undefined || rip < this.#copy.first || rip > this.#copy.last)
      this.#copy = this.#copyAt(rip, code);
    return this.#copy === undefined
      ? `0x${rip.toString(16)}`
      : `${symbols.label(rip + this.#copy.delta)} (${this.#copy.note})`;
  }

  #copyAt(rip: bigint, code: Buffer): Copy | undefined {
    for (const { symbol, bytes, note } of this.#originals) {
      // Both are copied to the start of a page, and entered at any offset in it.
      const offset = note === 'copy' ? Number(rip % BigInt(PAGE_BYTES)) : 0;
      const original = bytes.subarray(offset, offset + code.length);
      if (code.length === 0 || original.length < code.length || !original.equals(code)) continue;
      if (note === 'identity-mapped') this.#sameKernel = true;
      const first = rip - BigInt(offset);
      const size = note === 'copy' ? PAGE_BYTES : 64 * 1024 * 1024;
      return { delta: symbol.address - first, first, last: first + BigInt(size) - 1n, note };
    }
    return undefined;
  }
}
