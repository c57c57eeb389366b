import { autopsyOf } from '../../autopsy/autopsy.js';
import { findKernels } from '../../autopsy/kernels-in-memory.js';
import { nameKernels } from '../../autopsy/name-kernels.js';
import { tablesToRead } from '../../autopsy/physical-memory.js';
import { foreignFault, type ForeignMachine, openForeign } from '../../machine/foreign/qemu.js';
import { writeVmcore } from '../../machine/foreign/write-vmcore.js';
import { EXIT } from '../../model/fault.js';
import type { PageTables } from '../../symbols/index.js';
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
  const machine = await openForeign({ qmp, gdb, stop: stop || options.vmcore !== undefined, signal });
  if (machine.ran && !machine.runs)
    say('the guest is paused while it is read; if crashpath is killed, give its monitor the command cont');
  try {
    await readAndPrint(machine, { ...options, given });
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
  options: AutopsyOptions & { readonly given: Awaited<ReturnType<typeof givenSymbols>> },
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
  if (options.vmcore === undefined) return;
  const { path, bytes, note } = await writeVmcore(machine.qmp, {
    path: options.vmcore,
    format: options['vmcore-format'] ?? 'kdump-zlib',
    vmcoreinfo: vmcoreinfo.production ?? vmcoreinfo.capture,
    onProgress: say,
  });
  complain(`dump: ${path}, ${Math.ceil(bytes / 1024 / 1024)} MiB${note}`);
}
