import { nearest } from '../../model/nearest.js';
import { compareDebianVersions } from './version-order.js';
import { type DebianSpec, type Flavour, toFlavour } from '../spec.js';

/** An available Debian kernel package. */
export interface Candidate {
  /** The part of a spec after `debian:`, with the flavour: `6.1.0-56`, `6.1.0-56-cloud`. */
  readonly version: string;
  /** Name of the binary package: `linux-image-6.1.0-56-amd64`. */
  readonly package: string;
  /** Its Debian version: `6.1.192-2`. */
  readonly packageVersion: string;
}

/** The kernel that a package name denotes. */
export interface KernelName {
  /** `6.1.0-56`, `6.12.117+deb12`. */
  readonly abi: string;
  readonly flavour: Flavour;
}

/** Three or more version components, or two and a pre-release (`7.0-rc4`): `linux-image-6.12-amd64` is a meta package. */
const PACKAGE =
  /^linux-image-(\d+\.\d+(?:\.\d+|-rc\d|[~+])[a-z0-9.+~-]*?)(?:-(cloud|rt))?-(amd64|686-pae|686)$/;
const SERIES = /^\d+\.\d+/;
const NEAREST = 5;

/**
 * Parses the name of a Debian kernel package. Undefined for everything that is not a signed kernel for x86 PCs: meta
 * packages, `-unsigned`, `-dbg`, other architectures, and the real-time kernels of i386.
 */
export function kernelPackage(name: string): KernelName | undefined {
  const match = PACKAGE.exec(name);
  if (match?.[1] === undefined) return undefined;
  const [, abi, kind, machine] = match;
  if (machine === 'amd64') return { abi, flavour: toFlavour(kind) };
  return kind === undefined ? { abi, flavour: toFlavour(machine) } : undefined;
}

/** ABI and flavour as in a spec, after `debian:`. */
export function versionOf(name: KernelName): string {
  return name.flavour === '' ? name.abi : `${name.abi}-${name.flavour}`;
}

/** The exact version that `wanted` names, if it is not a series; undefined for the newest of a suite. */
export function exactVersion({ version, flavour }: DebianSpec): string | undefined {
  return version === undefined ? undefined : versionOf({ abi: version, flavour });
}

/**
 * The package for `wanted`: the one of exactly that version, else the newest package version of that series (`6.1`
 * covers `6.1.0-56`, `6.12.117` covers `6.12.117+deb12`; `6.1` never covers `6.12.*`), or of all.
 */
export function chooseKernel<T extends Candidate>(
  candidates: readonly T[],
  wanted: DebianSpec,
): T | undefined {
  const fitting = candidates.filter((candidate) => matches(candidate, wanted));
  const exact = fitting.filter((candidate) => candidate.version === exactVersion(wanted));
  return newestFirst(exact.length > 0 ? exact : fitting)[0];
}

/** Candidates by package version, newest first; of equal ones the greater ABI first. */
export function newestFirst<T extends Candidate>(candidates: readonly T[]): T[] {
  return [...candidates].sort(
    (a, b) =>
      compareDebianVersions(b.packageVersion, a.packageVersion) ||
      compareDebianVersions(b.version, a.version),
  );
}

function matches(candidate: Candidate, wanted: DebianSpec): boolean {
  const name = kernelPackage(candidate.package);
  if (name === undefined || name.flavour !== wanted.flavour) return false;
  if (wanted.version === undefined) return true;
  if (!name.abi.startsWith(wanted.version)) return false;
  return /^$|^[.+~-]/.test(name.abi.slice(wanted.version.length));
}

/**
 * Up to five versions to name in an error: the most similar ones of the wanted series; where nothing of that series
 * exists, the newest of each series.
 */
export function nearestVersions(candidates: readonly Candidate[], wanted: DebianSpec): string[] {
  const sorted = newestFirst(candidates);
  const exact = exactVersion(wanted);
  const series = SERIES.exec(exact ?? '')?.[0];
  const sameSeries = sorted.filter(({ version }) => SERIES.exec(version)?.[0] === series);
  if (exact !== undefined && sameSeries.length > 0) {
    const versions = sameSeries.map(({ version }) => version);
    return nearest(exact, versions, { howeverFar: true, count: NEAREST });
  }
  const sameFlavour = sorted.filter(({ package: name }) => kernelPackage(name)?.flavour === wanted.flavour);
  const ofEach = new Map<string, string>();
  for (const { version } of sameFlavour.length > 0 ? sameFlavour : sorted) {
    const key = SERIES.exec(version)?.[0] ?? version;
    if (!ofEach.has(key)) ofEach.set(key, version);
  }
  return [...ofEach.values()].slice(0, NEAREST);
}
