/** Where in the guest's memory ramoops keeps records, and how much: reserved by the command line. */
const AT = { address: '0x10000000', bytes: '0x100000' } as const;
const MODULE = 'ramoops';

/**
 * What makes pstore a receiver of kmsg_dump(): the module ramoops, with memory that the kernel leaves alone
 * (Documentation/admin-guide/ramoops.rst, v6.1). crashpath loads modules without parameters, and without them ramoops
 * has no device; so it is loaded again.
 */
export const PSTORE = {
  guest: { modules: [MODULE], append: `memmap=${AT.bytes}$${AT.address}` },
  prepare: {
    script: `rmmod ${MODULE} && insmod /modules/*-${MODULE}.ko mem_address=${AT.address} mem_size=${AT.bytes} ecc=1`,
  },
  prove: { read: { path: '/sys/module/pstore/parameters/backend', equals: MODULE } },
} as const;

/** Whether a scenario of the sweep has pstore. */
export function hasPstore({
  guest,
}: {
  readonly guest: { readonly modules?: readonly string[] | undefined };
}): boolean {
  return guest.modules?.includes(MODULE) === true;
}
