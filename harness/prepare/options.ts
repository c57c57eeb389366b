import type { KernelOptions } from '../kernel/index.js';

/** The location of the files that crashpath ships. */
export interface ShippedFiles {
  /** The directory that holds `scenarios/`; absolute. */
  readonly packageRoot: string;
}

/** Settings of this host for preparing runs, decided once by the caller. Only `cacheDir` is written to. */
export interface PrepareOptions extends ShippedFiles, Pick<KernelOptions, 'cacheDir' | 'onProgress'> {
  /** QEMU's name in PATH, or its absolute path: guests have a working directory of their own. */
  readonly qemuBinary: string;
}
