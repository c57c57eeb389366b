import type { Argv } from 'yargs';
import type { WordsOf } from './command-words.js';
import { nonEmpty, oneOf } from './option-values.js';
import { jsonOption, OUT_OPTION, single, SPEC } from './shared-options.js';

/** Forms of a dump that is written. */
export const VMCORE_FORMATS = ['kdump-zlib', 'elf'] as const;
export type VmcoreFormat = (typeof VMCORE_FORMATS)[number];

/** Options of `crashpath autopsy`. */
export interface AutopsyOptions {
  what: string | undefined;
  qmp: string | undefined;
  gdb: string | undefined;
  stop: boolean;
  kallsyms: string | undefined;
  vmlinux: string | undefined;
  kernel: string | undefined;
  vmcore: string | undefined;
  'vmcore-format': VmcoreFormat | undefined;
  out: string;
  json: boolean;
}

/** `crashpath autopsy`: what a machine shows that hangs, or a dump. */
export const AUTOPSY = {
  command: 'autopsy [what]',
  describe: 'Show what a hung machine, a dump or a stored run shows: stacks of all CPUs, locks, interrupts',
  builder: (yargs: Argv) =>
    yargs
      .positional('what', {
        type: 'string',
        describe: 'A dump (ELF, kdump-compressed), or a run: its directory or name',
      })
      .option('qmp', {
        ...single(nonEmpty('--qmp')),
        describe:
          "Read a QEMU that runs: its QMP monitor's socket (path, or HOST:PORT). The guest is not disturbed",
      })
      .option('gdb', {
        ...single(nonEmpty('--gdb')),
        describe:
          'Read its memory through its gdbstub (path, or HOST:PORT); connecting stops the guest, so that a guest that runs needs --stop',
      })
      .option('stop', {
        type: 'boolean',
        default: false,
        describe: 'Pause the guest while it is read, and let it continue afterwards if it ran',
      })
      .option('kallsyms', {
        ...single(nonEmpty('--kallsyms')),
        describe:
          'Symbols: a copy of /proc/kallsyms of any boot of the kernel, or its System.map (default: found in the memory)',
      })
      .option('vmlinux', { ...single(nonEmpty('--vmlinux')), describe: 'Symbols: the vmlinux of the kernel' })
      .option('kernel', {
        ...single(nonEmpty('--kernel')),
        alias: 'k',
        describe: `Symbols: of a kernel that crashpath has run, from the cache: ${SPEC}`,
      })
      .option('vmcore', {
        ...single(nonEmpty('--vmcore')),
        describe:
          'With --qmp: also write a dump to this file, for crash and drgn; the guest is paused meanwhile',
      })
      .option('vmcore-format', {
        ...single(oneOf('--vmcore-format', VMCORE_FORMATS)),
        describe: `Form of the dump: ${VMCORE_FORMATS.join(' or ')} (default ${VMCORE_FORMATS[0]})`,
      })
      .option('out', OUT_OPTION)
      .option('json', jsonOption('Print the autopsy as one JSON object'))
      .example('$0 autopsy --qmp /run/qemu/vm.qmp', 'A guest that hangs; its symbols are found in its memory')
      .example(
        '$0 autopsy --qmp vm.qmp --gdb localhost:1234 --stop --vmcore vm.core',
        'Paused, by the gdbstub, and dumped',
      )
      .example(
        '$0 autopsy vmcore --vmlinux /usr/lib/debug/boot/vmlinux-6.1.0-56-amd64',
        'A dump, with symbols of a file',
      )
      .example('$0 autopsy 001-ioapic-lock-held-no-zap', 'What a stored run has recorded')
      .epilogue(
        'Exit codes: 0 it was read, 2 the run has no autopsy, 64 or 3 it cannot be read (the message says why).',
      ),
} satisfies WordsOf<AutopsyOptions>;
