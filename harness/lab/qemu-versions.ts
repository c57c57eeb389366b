import { join } from 'node:path';
import { inCache } from '../cache/cache-fault.js';
import { writeWhole } from '../cache/write-whole.js';
import { libraryPath, LOADER, packageTree } from '../kernel/debian/package-tree.js';
import { kernelCache } from '../kernel/kernel-cache.js';
import type { KernelOptions } from '../kernel/options.js';
import { harnessFault, usageFault } from '../model/fault.js';

/** Where a version is, and the packages that hold its modules. */
interface Source {
  readonly suite: string;
  readonly modules: readonly string[];
}

/**
 * Modules that Debian packages apart since 10.0. QEMU looks in the host's directory for a module that its own lacks, and
 * ends when it finds one of another build (util/module.c, `-device help` loads all).
 */
const APART = ['qemu-system-modules-opengl', 'qemu-system-modules-spice'];

/** The QEMU versions that crashpath is tested with, and the Debian suites that have them (November 2026). */
const SOURCES: Readonly<Record<string, Source>> = {
  '7.2': { suite: 'bookworm', modules: [] },
  '10.0': { suite: 'bookworm-backports', modules: APART },
  '11.1': { suite: 'trixie-backports', modules: APART },
};

/** All versions that have a name here, oldest first. */
export const QEMU_VERSIONS: readonly string[] = ['7.2', '10.0', '11.1'];

/** A QEMU in the cache. */
export interface FetchedQemu {
  /** `10.0.2` */
  readonly version: string;
  /** Debian's version of the package. */
  readonly packageVersion: string;
  /** Absolute path of a script that starts it with its own loader, libraries, modules and firmware. */
  readonly binary: string;
}

/** The Debian suite of `7.2`, `10.0` or `11.1`. Throws a usage fault for any other version. */
export function suiteOfQemu(version: string): string {
  return sourceOf(version).suite;
}

function sourceOf(version: string): Source {
  const source = Object.hasOwn(SOURCES, version) ? SOURCES[version] : undefined;
  if (source !== undefined) return source;
  throw usageFault(`cannot fetch QEMU "${version}": no suite is known for it; give ${orList(QEMU_VERSIONS)}`);
}

/**
 * Fetches a QEMU of `QEMU_VERSIONS` and unpacks it into the cache, unless it is there; nothing is installed. Throws usage
 * and harness faults, a harness one when the suite has another version by now.
 */
export async function fetchQemu(wanted: string, options: KernelOptions): Promise<FetchedQemu> {
  const { suite, modules } = sourceOf(wanted);
  const names = ['qemu-system-x86', ...modules];
  const { dir, versions } = await packageTree({ names, suite }, options);
  const packageVersion = versions.get('qemu-system-x86') ?? '';
  const version = versionOf(wanted, packageVersion);
  const binary = join(dir, 'qemu-system-x86_64');
  // The same bytes each time; a QEMU that another process starts meanwhile finds the old or the new file.
  await inCache(kernelCache(options.cacheDir), () => writeWhole(binary, STARTER, { mode: 0o755 }));
  return { version, packageVersion, binary };
}

/** `10.0.2` of `1:10.0.2+ds-2+deb13u1~bpo12+1`, checked against the wanted `10.0`. Throws a harness fault. Pure. */
export function versionOf(wanted: string, packageVersion: string): string {
  const version = /^(?:\d+:)?(\d+(?:\.\d+)+)/.exec(packageVersion)?.[1] ?? '';
  if (version === wanted || version.startsWith(`${wanted}.`)) return version;
  throw harnessFault(
    `cannot fetch QEMU "${wanted}": Debian ${suiteOfQemu(wanted)} has ${packageVersion || 'none'} now; change the table in harness/lab/qemu-versions.ts, and test with that version`,
  );
}

/**
 * /proc/self/exe is the loader, so that QEMU finds neither modules nor firmware beside itself (util/cutils.c,
 * get_relocated_path(); util/module.c reads QEMU_MODULE_DIR; 7.2 and later).
 */
const STARTER = `#!/bin/sh
# Starts the QEMU of this tree.
tree=$(dirname "$(readlink -f "$0")")
export QEMU_MODULE_DIR="$tree/usr/lib/x86_64-linux-gnu/qemu"
exec "$tree/${LOADER}" --library-path "${libraryPath('$tree')}" "$tree/usr/bin/qemu-system-x86_64" \\
	-L "$tree/usr/share/qemu" -L "$tree/usr/share/seabios" -L "$tree/usr/lib/ipxe/qemu" "$@"
`;

function orList(words: readonly string[]): string {
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
