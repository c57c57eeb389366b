import { open } from 'node:fs/promises';
import which from 'which';
import { DUMP_PACKAGE, DUMP_PYTHON, hasDumpReader } from '../machine/foreign/dump.js';
import { findPdeathsigSetpriv } from '../machine/qemu/accel/parent-death.js';
import type { DoctorCheck } from './check.js';
import { ELF_HEAD_BYTES, elfLinkage } from './elf-linkage.js';

/** A program that crashpath runs on the host or puts into guests. */
interface Tool {
  readonly name: string;
  /** The Debian package that contains it. */
  readonly debianPackage: string;
  readonly ifMissing: 'warn' | 'fail';
  /** What does not work without it. */
  readonly neededFor: string;
}

const BUSYBOX: Tool = {
  name: 'busybox',
  debianPackage: 'busybox-static',
  ifMissing: 'fail',
  neededFor: 'the userspace of every guest',
};

const SETPRIV: Tool = {
  name: 'setpriv',
  debianPackage: 'util-linux',
  ifMissing: 'warn',
  neededFor: 'killing QEMU when crashpath is killed',
};

/** Tools that only have to exist. */
const PLAIN_TOOLS: readonly Tool[] = [
  { name: 'kexec', debianPackage: 'kexec-tools', ifMissing: 'fail', neededFor: 'arming guests' },
  {
    name: 'dropbear',
    debianPackage: 'dropbear-bin',
    ifMissing: 'warn',
    neededFor: 'scenarios with an ssh trigger',
  },
  { name: 'makedumpfile', debianPackage: 'makedumpfile', ifMissing: 'warn', neededFor: 'run --keep-vmcore' },
  { name: 'gdb', debianPackage: 'gdb', ifMissing: 'warn', neededFor: 'attach --exec' },
  { name: 'xz', debianPackage: 'xz-utils', ifMissing: 'warn', neededFor: 'compressed modules' },
  {
    name: 'zstd',
    debianPackage: 'zstd',
    ifMissing: 'warn',
    neededFor: 'bundles and compressed modules',
  },
  { name: 'dpkg-deb', debianPackage: 'dpkg', ifMissing: 'warn', neededFor: 'unpacking Debian kernels' },
  { name: 'apt-get', debianPackage: 'apt', ifMissing: 'warn', neededFor: 'fetching Debian kernels' },
];

/** Every tool's check; `searchPath` is a list of folders separated by `:`. */
export async function checkTools(searchPath: string): Promise<DoctorCheck[]> {
  return Promise.all([
    checkBusybox(searchPath),
    ...PLAIN_TOOLS.map((tool) => checkTool(tool, searchPath)),
    checkSetpriv(searchPath),
  ]);
}

/** The library that reads dumps is there, for Debian's interpreter; PATH does not matter. */
export async function checkDumpReader(python = DUMP_PYTHON): Promise<DoctorCheck> {
  const tool = {
    name: 'libkdumpfile',
    debianPackage: DUMP_PACKAGE,
    ifMissing: 'warn',
    neededFor: 'crashpath autopsy DUMP',
  } as const;
  return (await hasDumpReader(python))
    ? { name: tool.name, status: 'ok', found: `for ${python}` }
    : missing(tool);
}

async function checkTool(tool: Tool, searchPath: string): Promise<DoctorCheck> {
  const path = await which(tool.name, { nothrow: true, path: searchPath });
  return path === null ? missing(tool) : { name: tool.name, status: 'ok', found: path };
}

/** busybox is there and statically linked: a guest has no libraries. Read from its ELF header, not run. */
export async function checkBusybox(searchPath: string): Promise<DoctorCheck> {
  const path = await which(BUSYBOX.name, { nothrow: true, path: searchPath });
  if (path === null) return missing(BUSYBOX);
  const { name, debianPackage } = BUSYBOX;
  const remedy = `install ${debianPackage} (apt-get install ${debianPackage}); it replaces the package busybox`;
  try {
    const linkage = elfLinkage(await readHead(path));
    if (linkage === 'static') return { name, status: 'ok', found: `${path}, statically linked` };
    const why =
      linkage === 'dynamic' ? 'is dynamically linked, and guests have no libraries' : 'is not an ELF program';
    return { name, status: 'fail', found: `${path} ${why}`, remedy };
  } catch (error) {
    return { name, status: 'fail', found: `${path} cannot be read: ${String(error)}`, remedy };
  }
}

async function checkSetpriv(searchPath: string): Promise<DoctorCheck> {
  const path = await which(SETPRIV.name, { nothrow: true, path: searchPath });
  if (path === null) return missing(SETPRIV);
  const { name, debianPackage } = SETPRIV;
  if ((await findPdeathsigSetpriv(searchPath)) !== undefined) {
    return { name, status: 'ok', found: `${path}, with --pdeathsig` };
  }
  const remedy = `install ${debianPackage} 2.33 or newer (apt-get install ${debianPackage})`;
  return { name, status: 'warn', found: `${path} does not know --pdeathsig`, remedy };
}

function missing({ name, debianPackage, ifMissing, neededFor }: Tool): DoctorCheck {
  const remedy = `install ${debianPackage} (apt-get install ${debianPackage})`;
  return { name, status: ifMissing, found: `not found, needed for ${neededFor}`, remedy };
}

async function readHead(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(ELF_HEAD_BYTES), 0, ELF_HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
