import { GdbProtocolError } from './errors.js';

/** The registers that are read, under their names in the kernel; the stub calls `rflags` `eflags`. */
export const REGISTER_NAMES = [
  ...(['rax', 'rbx', 'rcx', 'rdx', 'rsi', 'rdi', 'rbp', 'rsp'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'rip', 'rflags'] as const),
  ...(['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'fs_base', 'gs_base', 'k_gs_base'] as const),
  ...(['cr0', 'cr2', 'cr3', 'cr4', 'cr8', 'efer'] as const),
] as const;

export type RegisterName = (typeof REGISTER_NAMES)[number];

/** One vCPU's registers, zero-extended. */
export type Registers = Readonly<Record<RegisterName, bigint>>;

/** Where a register lies in the `g` packet. */
export interface RegisterSlot {
  readonly number: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export type RegisterLayout = ReadonlyMap<RegisterName, RegisterSlot>;

const NAMES_IN_STUB: Readonly<Record<string, RegisterName>> = {
  ...Object.fromEntries(REGISTER_NAMES.map((name) => [name, name])),
  eflags: 'rflags',
};

/** More registers than any x86 description has (AVX-512, AMX and APX included). */
const MAX_REGISTERS = 4096;

/** Annexes that a description includes, in order: `<xi:include href="..."/>`. Names that are no file names are left out. */
export function includedAnnexes(xml: string): string[] {
  return Array.from(
    withoutComments(xml).matchAll(/<xi:include\b[^>]*\bhref="([\w.-]{1,100})"/gu),
    (found) => found[1] ?? '',
  );
}

/**
 * The layout of the `g` packet from the descriptions that `target.xml` includes, in that order. Registers follow
 * each other by number; one without `regnum` has the number after its predecessor's. Only two tags matter, and
 * commented-out registers (QEMU's own description has some) do not exist.
 *
 * @throws GdbProtocolError when a needed register is not there, e.g. in a 32-bit description.
 */
export function layoutFrom(descriptions: readonly string[]): RegisterLayout {
  const sizes = new Map<number, { name: string; sizeBytes: number }>();
  let number = 0;
  for (const description of descriptions) {
    for (const [tag] of withoutComments(description).matchAll(/<reg\b[^>]*>/gu)) {
      const name = /\bname="([^"]{1,64})"/u.exec(tag)?.[1];
      const bits = /\bbitsize="(\d{1,5})"/u.exec(tag)?.[1];
      const explicit = /\bregnum="(\d{1,5})"/u.exec(tag)?.[1];
      if (name === undefined || bits === undefined)
        throw broken(`a register without name or size: ${tag.slice(0, 80)}`);
      if (explicit !== undefined) number = Number(explicit);
      sizes.set(number, { name, sizeBytes: Math.ceil(Number(bits) / 8) });
      number += 1;
      if (sizes.size > MAX_REGISTERS) throw broken(`more than ${MAX_REGISTERS} registers`);
    }
  }
  const layout = new Map<RegisterName, RegisterSlot>();
  let offsetBytes = 0;
  for (const [number, { name, sizeBytes }] of Array.from(sizes).sort(([one], [other]) => one - other)) {
    const known = Object.hasOwn(NAMES_IN_STUB, name) ? NAMES_IN_STUB[name] : undefined;
    if (known !== undefined) layout.set(known, { number, offsetBytes, sizeBytes });
    offsetBytes += sizeBytes;
  }
  const missing = REGISTER_NAMES.filter((name) => !layout.has(name));
  if (missing.length > 0) throw broken(`no ${missing.join(', ')}`);
  return layout;
}

/**
 * Reads the hexadecimal reply to `g`.
 *
 * @throws GdbProtocolError when it is too short for the layout or a register is unavailable (`xx`).
 */
export function decodeRegisters(hex: string, layout: RegisterLayout): Registers {
  const values = Object.fromEntries(REGISTER_NAMES.map((name) => [name, decodeOne(hex, name, layout)]));
  if (!isComplete(values)) throw broken('registers are missing');
  return values;
}

function isComplete(values: Readonly<Record<string, bigint>>): values is Registers {
  return REGISTER_NAMES.every((name) => Object.hasOwn(values, name));
}

/** A value as the stub wants it: little-endian bytes in hexadecimal. */
export function encodeValue(value: bigint, sizeBytes: number): string {
  if (value < 0n || value >= 1n << BigInt(8 * sizeBytes)) {
    throw new RangeError(`cannot write "0x${value.toString(16)}": the register has ${sizeBytes} bytes`);
  }
  return reverseBytes(value.toString(16).padStart(2 * sizeBytes, '0'));
}

function decodeOne(hex: string, name: RegisterName, layout: RegisterLayout): bigint {
  const slot = slotOf(layout, name);
  const bytes = hex.slice(2 * slot.offsetBytes, 2 * (slot.offsetBytes + slot.sizeBytes));
  if (bytes.length !== 2 * slot.sizeBytes || !/^[0-9a-f]+$/iu.test(bytes)) {
    throw new GdbProtocolError(
      `cannot read register "${name}": the stub sent ${hex.length / 2} bytes of registers with "${bytes.slice(0, 32)}" ` +
        'in its place; the target description does not fit',
    );
  }
  return BigInt(`0x${reverseBytes(bytes)}`);
}

/** The slot of a register; every layout that `layoutFrom` made has it. */
export function slotOf(layout: RegisterLayout, name: RegisterName): RegisterSlot {
  const slot = layout.get(name);
  if (slot === undefined) throw broken(`no ${name}`);
  return slot;
}

function reverseBytes(hex: string): string {
  return (hex.match(/../gu) ?? []).toReversed().join('');
}

function withoutComments(xml: string): string {
  return xml.replaceAll(/<!--[\s\S]*?-->/gu, '');
}

function broken(why: string): GdbProtocolError {
  return new GdbProtocolError(
    `cannot use the stub's target description: ${why}; QEMU for x86-64 (4.2 or later) describes them all`,
  );
}
