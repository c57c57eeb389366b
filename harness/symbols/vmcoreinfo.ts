/** A kernel's description of itself for crash dumps (Documentation/admin-guide/kdump/vmcoreinfo.rst). */
export interface Vmcoreinfo {
  /** The address of a variable. */
  symbol(name: string): bigint | undefined;
  /** The offset of a member, `struct.member`, in bytes. */
  offset(member: string): number | undefined;
  /** The size of a structure, bytes. */
  size(struct: string): number | undefined;
}

/** Structures are not larger than this; a greater number is no offset. */
const MOST_BYTES = 4096;

/** Reads the text of VMCOREINFO. The text is the guest's: an absurd number is left out. */
export function parseVmcoreinfo(text: string): Vmcoreinfo {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^([A-Z]+\([\w.]+\))=([0-9a-f]{1,16})$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) values.set(key, value);
  }
  const decimal = (key: string) => {
    const value = values.get(key);
    if (value === undefined || !/^\d{1,4}$/.test(value)) return undefined;
    return Number(value) <= MOST_BYTES ? Number(value) : undefined;
  };
  return {
    symbol(name) {
      const value = values.get(`SYMBOL(${name})`);
      return value === undefined ? undefined : BigInt(`0x${value}`);
    },
    offset: (member) => decimal(`OFFSET(${member})`),
    size: (struct) => decimal(`SIZE(${struct})`),
  };
}
