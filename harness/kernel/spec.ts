import { isAbsolute, join } from 'node:path';
import { usageFault } from '../model/fault.js';
import { isRelease } from './bzimage.js';
import { isDebianSuite } from './debian/suites.js';

/** A requested Debian kernel, before its package is chosen. */
export interface DebianSpec {
  readonly kind: 'debian';
  /** Suite to look in (`bullseye`, `sid`); absent means the suites which this host has configured. */
  readonly suite?: string | undefined;
  /** `6.1` (a series), `6.1.0-56` or `6.12.117+deb12` (exact); absent: the newest of the suite. */
  readonly version?: string | undefined;
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

/** A requested kernel to be built from a git tree of this host. */
export interface GitSpec {
  readonly kind: 'git';
  /** Path of the tree or repository. */
  readonly tree: string;
  /** What git rev-parse finds there: a tag, a branch, a hash, `HEAD~3`. */
  readonly ref: string;
  /** Variants and paths of patches, applied in this order. */
  readonly patches: readonly string[];
  /** Paths of configuration fragments, merged in this order. */
  readonly fragments: readonly string[];
}

/** The packages of one kernel. */
export interface PackagesSpec {
  readonly kind: 'packages';
  readonly paths: readonly string[];
}

/** A kernel that is installed on this host. */
export interface InstalledSpec {
  readonly kind: 'installed';
  readonly release: string;
}

/** A parsed kernel spec. */
export type KernelSpec =
  | DebianSpec
  | BuildSpec
  | GitSpec
  | PackagesSpec
  | InstalledSpec
  | { readonly kind: 'path'; readonly path: string };

const FORMS =
  'write a path (bzImage, .deb, .rpm, directory), A.deb+B.deb, installed:RELEASE, debian:[SUITE/]VERSION[-cloud|-rt|-686|-686-pae] such as debian:6.1 or debian:sid/6.12-cloud, debian:SUITE, build:[SUITE/]VERSION/VARIANT such as build:6.1/no-zap, or git:TREE@REF[+PATCH...] such as git:./linux@v6.12';
const SUITE = /^[a-z][a-z0-9-]{0,63}$/;
const VERSION = /^\d+\.\d+[A-Za-z0-9.+~-]{0,100}$/;
const FLAVOUR = /-(cloud|rt|686-pae|686)$/;
const PACKAGE = /\.(?:deb|rpm)$/;
/** A `+` after a package's name: versions of Debian's packages have one as well. */
const BETWEEN_PACKAGES = /(?<=\.(?:deb|rpm))\+/;
/** A file of this name is a configuration fragment, any other one a patch. */
const FRAGMENT = /\.config$/;

/**
 * Parses a kernel spec without reading the file system. A full release name (`debian:6.1.0-56-amd64`, as `uname -r`
 * prints it) is accepted too. A Fault of kind `usage` when it has none of the known forms.
 */
export function parseSpec(spec: string): KernelSpec {
  if (spec.trim() === '') throw refuse(spec, 'it is empty');
  if (spec.startsWith('debian:')) return parseDebianSpec(spec);
  if (spec.startsWith('build:')) return parseBuildSpec(spec);
  if (spec.startsWith('git:')) return parseGitSpec(spec);
  if (spec.startsWith('installed:')) return parseInstalledSpec(spec);
  const paths = spec.split(BETWEEN_PACKAGES);
  if (paths.length === 1) return { kind: 'path', path: spec };
  const stranger = paths.find((path) => !isPackageFile(path));
  if (stranger === undefined) return { kind: 'packages', paths };
  throw refuse(spec, `"${stranger}" is not the name of a .deb or .rpm`);
}

/** True for the name of a package: `.deb` or `.rpm`. */
export function isPackageFile(name: string): boolean {
  return PACKAGE.test(name);
}

function parseDebianSpec(spec: string): DebianSpec {
  const wanted = spec.slice('debian:'.length).replace(/-amd64$/, '');
  const slash = wanted.indexOf('/');
  const { name, flavour } = splitFlavour(wanted.slice(slash + 1));
  if (slash < 0 && /^[a-z]/.test(name)) {
    if (isDebianSuite(name)) return { kind: 'debian', suite: name, flavour };
    throw refuse(spec, `"${name}" is neither a kernel version nor a Debian suite`);
  }
  const suite = slash < 0 ? undefined : wanted.slice(0, slash);
  if (suite !== undefined && !SUITE.test(suite)) throw refuse(spec, `"${suite}" is not a Debian suite name`);
  if (!VERSION.test(name)) throw refuse(spec, `"${name}" is not a kernel version`);
  return { kind: 'debian', suite, version: name, flavour };
}

function splitFlavour(text: string): { name: string; flavour: Flavour } {
  const flavour = toFlavour(FLAVOUR.exec(text)?.[1]);
  return { name: flavour === '' ? text : text.slice(0, -flavour.length - 1), flavour };
}

/** The variant is everything after the version, because it may be a path. */
function parseBuildSpec(spec: string): BuildSpec {
  const words = spec.slice('build:'.length).split('/');
  const suite = /^\d/.test(words[0] ?? '') ? undefined : words.shift();
  if (suite !== undefined && !SUITE.test(suite)) throw refuse(spec, `"${suite}" is not a Debian suite name`);
  const version = words.shift() ?? '';
  if (!VERSION.test(version)) throw refuse(spec, `"${version}" is not a kernel version`);
  const variant = words.join('/');
  if (variant === '') throw refuse(spec, 'it names no variant');
  return { kind: 'build', suite, version, variant };
}

/** The first `@` ends the tree, because a ref and a patch may hold more (`HEAD@{1}`); the first `+` ends the ref. */
function parseGitSpec(spec: string): GitSpec {
  const wanted = spec.slice('git:'.length);
  const at = wanted.indexOf('@');
  const tree = wanted.slice(0, at);
  const [ref = '', ...added] = wanted.slice(at + 1).split('+');
  if (at < 0 || ref === '') throw refuse(spec, 'it names no ref');
  if (tree === '') throw refuse(spec, 'it names no git tree');
  if (added.includes('')) throw refuse(spec, 'a + without a patch or a .config file follows the ref');
  const fragments = added.filter((name) => FRAGMENT.test(name));
  return { kind: 'git', tree, ref, patches: added.filter((name) => !FRAGMENT.test(name)), fragments };
}

function parseInstalledSpec(spec: string): InstalledSpec {
  const release = spec.slice('installed:'.length);
  if (!isRelease(release)) throw refuse(spec, `"${release}" is not a kernel release`);
  return { kind: 'installed', release };
}

function refuse(spec: string, why: string): Error {
  return usageFault(`cannot read kernel spec "${spec}": ${why}; ${FORMS}`);
}

/**
 * A spec of a file whose relative paths begin at the file's directory: those that begin with `./` or `../`, of images,
 * of each package, of a git tree and of what is added to it. All other specs are unchanged.
 */
export function specBeside(spec: string, directory: string): string {
  const beside = (path: string) =>
    /^\.\.?\//.test(path) && !isAbsolute(path) ? join(directory, path) : path;
  if (!spec.startsWith('git:')) return spec.split(BETWEEN_PACKAGES).map(beside).join('+');
  const [, tree = '', at = '', ref = '', added = ''] = /^git:([^@]*)(@?)([^+]*)(.*)$/s.exec(spec) ?? [];
  return `git:${beside(tree)}${at}${ref}${added.split('+').map(beside).join('+')}`;
}

/** The short spec of a built kernel: `build:6.1/no-zap`. */
export function formatBuildSpec({ suite, version, variant }: Omit<BuildSpec, 'kind'>): string {
  return `build:${suite === undefined ? '' : `${suite}/`}${version}/${variant}`;
}

/** So many first digits name a commit, as git abbreviates it in a tree of the kernel's size. */
export const COMMIT_DIGITS = 12;

/** The spec of a kernel from git; undefined for a tree that a spec cannot name. */
export function formatGitSpec({
  tree,
  ref,
  patches,
}: Pick<GitSpec, 'tree' | 'ref' | 'patches'>): string | undefined {
  return tree.includes('@') ? undefined : `git:${tree}@${[ref, ...patches].join('+')}`;
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
