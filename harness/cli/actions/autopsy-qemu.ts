import { autopsyOf } from '../../autopsy/autopsy.js';
import { findKernels, type KernelInMemory, type MachineKernels } from '../../autopsy/kernels-in-memory.js';
import { type GivenSymbols, type NamedKernels, nameKernels } from '../../autopsy/name-kernels.js';
import { tablesToRead } from '../../autopsy/physical-memory.js';
import { UTSNAME_BYTES } from '../../dump/kdump-header.js';
import type { DumpedKernel } from '../../machine/foreign/complete-dump.js';
import { foreignFault, type ForeignMachine, openForeign } from '../../machine/foreign/qemu.js';
import { vmcorePath, writeVmcore } from '../../machine/foreign/write-vmcore.js';
import { EXIT } from '../../model/fault.js';
import { type PageTables, parseVmcoreinfo } from '../../symbols/index.js';
import { complain, say } from '../context.js';
import type { AutopsyOptions } from '../words/autopsy.js';
import { givenSymbols, printAutopsy, readingProgress } from './autopsy-output.js';

/** Prints the autopsy of a QEMU that another program started, and leaves it as it was. */
export async function autopsyQemu(
  options: AutopsyOptions & { readonly qmp: string },
  signal: AbortSignal,
): Promise<number> {
  const given = await givenSymbols(options);
  const { qmp, gdb, stop } = options;
  const dump = options.vmcore === undefined ? undefined : await vmcorePath(options.vmcore);
  const machine = await openForeign({ qmp, gdb, stop: stop || dump !== undefined, signal });
  if (machine.ran && !machine.runs)
    say('the guest is paused while it is read; if crashpath is killed, give its monitor the command cont');
  try {
    await readAndPrint(machine, { ...options, given, dump });
  } catch (error) {
    throw foreignFault(error, qmp);
  } finally {
    await machine.close();
  }
  if (machine.ran && !machine.runs) say('the guest continues');
  return EXIT.expected;
}

async function readAndPrint(
  machine: ForeignMachine,
  options: AutopsyOptions & {
    readonly given: GivenSymbols | undefined;
    /** The dump to write, absolute. */
    readonly dump: string | undefined;
  },
): Promise<void> {
  const { reader, memory, registersText, unknownRegisters, runs } = machine;
  const candidates: PageTables[] = [];
  for (const vcpu of reader.vcpus) {
    const tables = await tablesToRead(await reader.readRegisters(vcpu), memory);
    if (tables !== undefined) candidates.push(tables);
  }
  const found = await findKernels(candidates, { memory, onBytes: readingProgress() });
  const { kernels, unknown, vmcoreinfo } = await nameKernels(found, { given: options.given, memory });
  const autopsy = await autopsyOf({
    reader,
    registersText,
    unknownRegisters,
    controllers: machine.controllers,
    armed: found.armed,
    kernels,
  });
  await printAutopsy(
    {
      ...autopsy,
      unknown: [
        ...(runs
          ? ['whether the stacks belong together: the guest runs on while it is read (--stop pauses it)']
          : []),
        ...autopsy.unknown,
        ...(found.production === undefined && found.capture === undefined
          ? ['the kernel: no page tables of a vCPU map one']
          : []),
        ...(found.armed === undefined
          ? []
          : ['which part of the loaded crash image a vCPU outside of both kernels is in']),
        ...unknown,
      ],
    },
    options,
  );
  if (options.dump === undefined) return;
  const { bytes, note } = await writeVmcore(machine.qmp, {
    path: options.dump,
    format: options['vmcore-format'] ?? 'kdump-zlib',
    kernel: dumpedKernel(found, vmcoreinfo),
    onProgress: say,
  });
  complain(`dump: ${options.dump}, ${Math.ceil(bytes / 1024 / 1024)} MiB${note}`);
}

/** The kernel that a dump is read for: the crashed one, or else the only one. */
function dumpedKernel(
  found: MachineKernels,
  vmcoreinfo: NamedKernels['vmcoreinfo'],
): DumpedKernel | undefined {
  const kernel = found.production ?? found.capture;
  const text = found.production === undefined ? vmcoreinfo.capture : vmcoreinfo.production;
  if (kernel === undefined || text === undefined) return undefined;
  const { base, physical, bytes } = kernel;
  return { vmcoreinfo: text, base, physical, bytes: bytes.length, utsname: utsnameIn(kernel, text) };
}

/** The names of the system, in the kernel's image. */
function utsnameIn({ base, bytes }: KernelInMemory, vmcoreinfo: string): Buffer | undefined {
  const info = parseVmcoreinfo(vmcoreinfo);
  const names = info.symbol('init_uts_ns');
  const offset = info.offset('uts_namespace.name');
  if (names === undefined || offset === undefined) return undefined;
  const at = names + BigInt(offset) - base;
  if (at < 0n || at + BigInt(UTSNAME_BYTES) > BigInt(bytes.length)) return undefined;
  return bytes.subarray(Number(at), Number(at) + UTSNAME_BYTES);
}
