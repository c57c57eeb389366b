import { z } from 'zod';
import { parseRecords } from './deb822.js';
import { kernelPackage, versionOf } from './choose.js';

/** Kernels and other packages of an archive, out of the records that `apt-cache show` prints. Pure. */

const fileSchema = z.object({
  package: z.string(),
  packageVersion: z.string(),
  debSha256: z.string().regex(/^[0-9a-f]{64}$/),
  sizeBytes: z.number(),
});

const packageSchema = fileSchema.extend({
  version: z.string(),
  /** The packages that hold the rest of the kernel, or all of it: image, modules, config. */
  parts: z.array(fileSchema).default([]),
  /** Names of parts that the archive no longer has. */
  missing: z.array(z.string()).default([]),
});

/** What is kept of the lists of an archive. */
export const listsSchema = z.object({
  format: z.literal(1),
  atMs: z.number(),
  packages: z.array(packageSchema),
});

/** A package file of the archive. */
export type OfferedFile = z.infer<typeof fileSchema>;
/** A kernel, or a package of another kind, that the archive offers. */
export type OfferedPackage = z.infer<typeof packageSchema>;
/** The archive's packages, and when the lists were fetched (ms since the epoch). */
export type PackageLists = z.infer<typeof listsSchema>;

/** The image, the modules and the base files (config, System.map) of a split kernel. */
const PART = /^linux-(?:binary|modules|base)-(.+)$/;

/** All packages in records, by their own versions. */
export function packagesIn(text: string): OfferedPackage[] {
  return distinct(
    parseRecords(text).map((record) => ({ ...fileIn(record), version: record.get('Version') })),
  );
}

/**
 * The kernels in the records of `linux-image-*` packages. From Linux 6.18 on such a package depends on one with its
 * config, and from 6.19 on it is empty, and depends on those with image and modules as well (trixie-backports, 6.17.13,
 * 6.18.15, 6.19.6). `partRecords` are the records of those packages.
 */
export function kernelsIn(imageRecords: string, partRecords: string): OfferedPackage[] {
  const files = new Map(packagesIn(partRecords).map((one) => [`${one.package}=${one.packageVersion}`, one]));
  const found = parseRecords(imageRecords).map((record) => {
    const name = kernelPackage(record.get('Package') ?? '');
    const wanted = partsNamed(record);
    const parts = wanted.flatMap((key) => files.get(key) ?? []);
    const missing = wanted.filter((key) => !files.has(key)).map((key) => key.split('=')[0] ?? key);
    const version = name === undefined ? undefined : versionOf(name);
    return { ...fileIn(record), version, parts, missing };
  });
  return distinct(found);
}

/** Names of the packages that hold the kernels of these `linux-image-*` records. */
export function partNames(imageRecords: string): string[] {
  return [...new Set(parseRecords(imageRecords).flatMap(partsNamed))].map((key) => key.split('=')[0] ?? key);
}

/** `NAME=VERSION` of each part: those of the image's own release and version. */
function partsNamed(record: ReadonlyMap<string, string>): string[] {
  const release = (record.get('Package') ?? '').replace(/^linux-image-/, '');
  return (record.get('Depends') ?? '').split(/,\s*/).flatMap((depends) => {
    const [, name = '', version = ''] = /^(\S+) \(= (\S+)\)$/.exec(depends) ?? [];
    return PART.exec(name)?.[1] === release ? [`${name}=${version}`] : [];
  });
}

function fileIn(record: ReadonlyMap<string, string>) {
  return {
    package: record.get('Package'),
    packageVersion: record.get('Version'),
    debSha256: record.get('SHA256'),
    sizeBytes: Number(record.get('Size')),
  };
}

/** Each version of a package once; those that lack a field are left out. */
function distinct(found: readonly object[]): OfferedPackage[] {
  const byVersion = new Map<string, OfferedPackage>();
  for (const one of found) {
    const parsed = packageSchema.safeParse(one);
    if (parsed.success) byVersion.set(`${parsed.data.package}=${parsed.data.packageVersion}`, parsed.data);
  }
  return [...byVersion.values()];
}
