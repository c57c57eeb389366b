import type { KernelOptions } from '../kernel/index.js';
import type { ProgramHost } from '../machine/qemu/program-host.js';

/** The location of the files that crashpath ships. */
export interface ShippedFiles {
  /** The directory that holds `scenarios/`; absolute. */
  readonly packageRoot: string;
}

/** A host that runs guests: its QEMU and its accelerator are asked there. */
export interface PlannedHost {
  /** This host when absent. */
  readonly there?: ProgramHost | undefined;
  /** QEMU's name in PATH there, or its absolute path. */
  readonly qemuBinary: string;
}

/** Settings of this host for preparing runs, decided once by the caller. Only `cacheDir` is written to. */
export interface PrepareOptions extends ShippedFiles, Pick<KernelOptions, 'cacheDir' | 'onProgress'> {
  /** QEMU's name in PATH, or its absolute path: guests have a working directory of their own. */
  readonly qemuBinary: string;
  /** The hosts that run the guests; this one when absent. */
  readonly hosts?: readonly PlannedHost[] | undefined;
}
