/** Code, and the linear address of its first byte. */
export interface Code {
  readonly bytes: Uint8Array;
  readonly address: bigint;
}

const FIELD_BYTES = 4;
/** The image is in the last 2 GiB of the address space, so that 32 bits of an address, sign-extended, are enough. */
const UPPER_HALF = 0xffff_ffff_8000_0000n;

/**
 * Where code may name an address of the kernel's image, `first` to `last`: the places of 4-byte fields that hold one,
 * absolute (`mov $lock, %rdi`) or relative to the byte behind the field (`lea lock(%rip), %rdi`). Bytes that only look
 * like it are among them. In order of address.
 */
export function addressReferences(
  { bytes, address }: Code,
  { first, last }: { readonly first: bigint; readonly last: bigint },
): bigint[] {
  if (first < UPPER_HALF || last < first) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Offsets from the code's own start are exact as numbers: both are in the same 2 GiB.
  const length = Number(last - first);
  const absolute = Number(BigInt.asIntN(32, first));
  const relative = Number(first - address) - FIELD_BYTES;
  const found: bigint[] = [];
  for (let at = 0; at + FIELD_BYTES <= bytes.length; at += 1) {
    const field = view.getInt32(at, true);
    const isAbsolute = field >= absolute && field - absolute <= length;
    const offset = field + at - relative;
    if (isAbsolute || (offset >= 0 && offset <= length)) found.push(address + BigInt(at));
  }
  return found;
}
