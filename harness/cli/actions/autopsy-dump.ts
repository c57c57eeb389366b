import { autopsyOf } from '../../autopsy/autopsy.js';
import { findKernels, type MachineKernels } from '../../autopsy/kernels-in-memory.js';
import { nameKernels } from '../../autopsy/name-kernels.js';
import { stillReader, tablesToRead } from '../../autopsy/physical-memory.js';
import { type Dump, openDump } from '../../machine/foreign/dump.js';
import { dumpedCpus, dumpedRegisters, hasControls, unknownIn } from '../../machine/foreign/dumped-cpus.js';
import { EXIT } from '../../model/fault.js';
import { type PageTables, parseVmcoreinfo } from '../../symbols/index.js';
import { say } from '../context.js';
import type { AutopsyOptions } from '../words/autopsy.js';
import { givenSymbols, printAutopsy, readingProgress } from './autopsy-output.js';

/** How the text of VMCOREINFO begins (kernel/crash_core.c, v6.1); it has pages of its own. */
const VMCOREINFO_START = 'OSRELEASE=';
const PAGE = 4096;

/** Prints the autopsy of a dump. */
export async function autopsyDump(
  path: string,
  { signal, ...options }: AutopsyOptions & { readonly signal: AbortSignal },
): Promise<number> {
  const given = await givenSymbols(options);
  const dump = await openDump(path, { signal });
  try {
    const { memory, cpus } = dump;
    const found = await kernelsOf(dump);
    const { kernels, unknown } = await nameKernels(found, { given, memory });
    const kernel = found.production ?? found.capture;
    const registers = dumpedRegisters(cpus, kernel?.tables);
    const autopsy = await autopsyOf({
      reader: stillReader(registers, memory),
      registersText: '',
      dumped: dumpedCpus(registers, found.armed),
      unknownRegisters: unknownIn(cpus),
      armed: found.armed,
      kernels,
    });
    await printAutopsy(
      {
        ...autopsy,
        unknown: [
          ...autopsy.unknown,
          `interrupt controllers, and whether a CPU was halted: ${article(dump.format)} does not hold them`,
          ...(cpus.length === 0 ? ['registers of the CPUs: it has no notes of them'] : []),
          ...(kernel === undefined ? ['the kernel: no page tables in it map one'] : []),
          ...(found.armed === undefined
            ? []
            : ['which part of the loaded crash image a CPU outside of both kernels is in']),
          ...unknown,
        ],
      },
      options,
    );
    return EXIT.expected;
  } finally {
    await dump.close();
  }
}

function article(format: string): string {
  return `${/^[aeio]/i.test(format) ? 'an' : 'a'} ${format}`;
}

/** The kernels in a dump: by the CPUs' page tables, by its VMCOREINFO, or else by a search for one in its pages. */
async function kernelsOf(dump: Dump): Promise<MachineKernels> {
  const { memory, cpus } = dump;
  const onBytes = readingProgress();
  const candidates: PageTables[] = [];
  if (hasControls(cpus)) {
    for (const registers of dumpedRegisters(cpus, undefined).values()) {
      const tables = await tablesToRead(registers, memory);
      if (tables !== undefined) candidates.push(tables);
    }
  }
  const own = dump.vmcoreinfo === undefined ? undefined : parseVmcoreinfo(dump.vmcoreinfo).pageTables;
  if (own !== undefined) candidates.push(own);
  const found = await findKernels(candidates, { memory, onBytes });
  if (found.production !== undefined) return found;
  say('searching the dump for a kernel: its notes name none');
  for (const address of await dump.find(VMCOREINFO_START)) {
    const page = await memory.read(address, PAGE);
    const text = page?.toString('latin1').replace(/\0.*$/s, '');
    const tables = text === undefined ? undefined : parseVmcoreinfo(text).pageTables;
    if (tables !== undefined) candidates.push(tables);
  }
  return findKernels(candidates, { memory, onBytes });
}
