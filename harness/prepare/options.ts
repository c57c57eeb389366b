import type { KernelOptions } from '../kernel/index.js';

/** Where the files that come with crashpath are. */
export interface ShippedFiles {
  /** The directory that holds `scenarios/`; absolute. */
  readonly packageRoot: string;
}

/** What preparing runs needs to know of this host: a caller decides it once. `cacheDir` is the only place written to. */
export interface PrepareOptions extends ShippedFiles, Pick<KernelOptions, 'cacheDir' | 'onProgress'> {
  /** QEMU's name in PATH, or its absolute path: guests have a working directory of their own. */
  readonly qemuBinary: string;
}
