import { usageFault } from '../model/fault.js';

/** A requested Debian kernel, before its package is chosen. */
export interface DebianSpec {
  readonly kind: 'debian';
  /** Suite to look in (`bullseye`, `sid`); absent means the suites which this host has configured. */
  readonly suite?: string | undefined;
  /** `6.1` (a series), `6.1.0-56` or `6.12.117+deb12` (exact). */
  readonly version: string;
  /** Empty for the ordinary kernel. */
  readonly flavour: Flavour;
}

/** Debian's kernel flavours: of amd64, where the empty one is the ordinary kernel, and the 32-bit ones of i386. */
export type Flavour = '' | 'cloud' | 'rt' | '686' | '686-pae';

/** Debian's names of the supported architectures. */
export type DebianArch = 'amd64' | 'i386';

/** A requested kernel to be built from Debian's sources. */
export interface BuildSpec {
  readonly kind: 'build';
  /** Suite to look in; absent means the suites which this host has configured. */
  readonly suite?: string | undefined;
  /** `6.1` (the newest package of that series), or the version of a package (`6.1.192-2`). */
  readonly version: string;
  /** A variant of images/patches, or the path of a patch. */
  readonly variant: string;
}

/** A parsed kernel spec. */
export type KernelSpec = DebianSpec | BuildSpec | { readonly kind: 'path'; readonly path: string };

const FORMS =
  'write a path (bzImage, .deb, directory), debian:[SUITE/]VERSION[-cloud|-rt|-686|-686-pae] such as debian:6.1, debian:6.1.0-56, debian:sid/6.12-cloud, debian:6.1-686-pae, or build:[SUITE/]VERSION/VARIANT such as build:6.1/no-zap';
const SUITE = /^[a-z][a-z0-9-]{0,63}$/;
const VERSION = /^\d+\.\d+[A-Za-z0-9.+~-]{0,100}$/;

/**
 * Parses a kernel spec without reading the file system. A full release name (`debian:6.1.0-56-amd64`, as `uname -r`
 * prints it) is accepted too. A Fault of kind `usage` when it has none of the known forms.
 */
export function parseSpec(spec: string): KernelSpec {
  if (spec.trim() === '') throw usageFault(`cannot read kernel spec "${spec}": it is empty; ${FORMS}`);
  if (spec.startsWith('build:')) return parseBuildSpec(spec);
  if (!spec.startsWith('debian:')) return { kind: 'path', path: spec };
  const wanted = spec.slice('debian:'.length);
  const slash = wanted.indexOf('/');
  const suite = slash < 0 ? undefined : wanted.slice(0, slash);
  if (suite !== undefined && !SUITE.test(suite)) {
    throw usageFault(`cannot read kernel spec "${spec}": "${suite}" is not a Debian suite name; ${FORMS}`);
  }
  const name = wanted.slice(slash + 1).replace(/-amd64$/, '');
  const flavour = toFlavour(/-(cloud|rt|686-pae|686)$/.exec(name)?.[1]);
  const version = flavour === '' ? name : name.slice(0, -flavour.length - 1);
  if (!VERSION.test(version)) {
    throw usageFault(`cannot read kernel spec "${spec}": "${version}" is not a kernel version; ${FORMS}`);
  }
  return { kind: 'debian', suite, version, flavour };
}

/** The variant is everything after the version, because it may be a path. */
function parseBuildSpec(spec: string): BuildSpec {
  const words = spec.slice('build:'.length).split('/');
  const suite = /^\d/.test(words[0] ?? '') ? undefined : words.shift();
  if (suite !== undefined && !SUITE.test(suite)) {
    throw usageFault(`cannot read kernel spec "${spec}": "${suite}" is not a Debian suite name; ${FORMS}`);
  }
  const version = words.shift() ?? '';
  if (!VERSION.test(version)) {
    throw usageFault(`cannot read kernel spec "${spec}": "${version}" is not a kernel version; ${FORMS}`);
  }
  const variant = words.join('/');
  if (variant === '') throw usageFault(`cannot read kernel spec "${spec}": it names no variant; ${FORMS}`);
  return { kind: 'build', suite, version, variant };
}

/** The short spec of a built kernel: `build:6.1/no-zap`. */
export function formatBuildSpec({ suite, version, variant }: Omit<BuildSpec, 'kind'>): string {
  return `build:${suite === undefined ? '' : `${suite}/`}${version}/${variant}`;
}

/** A flavour's word as a `Flavour`; everything that is not a flavour is the ordinary kernel. */
export function toFlavour(word: string | undefined): Flavour {
  return word === 'cloud' || word === 'rt' || word === '686' || word === '686-pae' ? word : '';
}

/** The architecture that a flavour belongs to. */
export function archOf(flavour: Flavour): DebianArch {
  return flavour === '686' || flavour === '686-pae' ? 'i386' : 'amd64';
}

/** The short spec of a Debian kernel: `debian:sid/6.12.30-cloud`. */
export function formatDebianSpec(suite: string | undefined, versionAndFlavour: string): string {
  return `debian:${suite === undefined ? '' : `${suite}/`}${versionAndFlavour}`;
}
