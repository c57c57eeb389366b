import { z } from 'zod';
import { sha256Of } from '../cache/sha256.js';
import type { PlannedEntry, Source } from './plan-image.js';

/** Version of the manifest and of the archive format; part of every key. */
export const IMAGE_SCHEMA = 1;

/** Length of an image key, hex digits: 128 bits of a sha256. */
const KEY_DIGITS = 32;

/** An image key. It names a folder of the cache, hence the strict form. */
export const ImageKeySchema = z.string().regex(/^[0-9a-f]{32}$/, 'must be 32 hex digits');

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Size = z.number().int().nonnegative();

const ManifestEntrySchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('dir'), path: z.string(), mode: z.string() }),
  z.strictObject({
    kind: z.literal('file'),
    path: z.string(),
    /** Permission bits, octal text. */
    mode: z.string(),
    /** Bytes. */
    size: Size,
    sha256: Sha256,
    /** Source of the file: `script lib.sh`, `program kexec`, `module 0`, `kernel`, `image`, `library`. */
    source: z.string(),
  }),
]);

const ImageSchema = z.strictObject({
  file: z.string().regex(/^[a-z]+\.cpio$/),
  bytes: Size,
  sha256: Sha256,
  entries: z.array(ManifestEntrySchema),
});

export const ManifestSchema = z.strictObject({
  schema: z.literal(IMAGE_SCHEMA),
  key: ImageKeySchema,
  captureKernel: z.strictObject({ release: z.string(), sha256: Sha256 }),
  images: z.strictObject({ production: ImageSchema, capture: ImageSchema }),
});

/** The content of `manifest.json` of a cached pair of images. It has no times and no host paths. */
export type Manifest = z.infer<typeof ManifestSchema>;
export type ImageManifest = z.infer<typeof ImageSchema>;
export type ManifestEntry = z.infer<typeof ManifestEntrySchema>;

/** A source in words, for manifests. A library has the same path in the guest, so it is not repeated. */
export function describeSource(source: Source): string {
  if ('name' in source) return `${source.from} ${source.name}`;
  if ('index' in source) return `${source.from} ${source.index}`;
  return source.from;
}

/**
 * An entry with the sha256 of its contents; absent for directories and for the capture image inside the first kernel's
 * image.
 */
export interface KeyedEntry {
  readonly entry: PlannedEntry;
  readonly sha256?: string | undefined;
}

/**
 * Key of a pair of images: a hash over every path, mode and content that goes in. The capture image's own hash
 * is not needed, because its entries are part of the same key.
 */
export function imageKey(images: {
  readonly capture: readonly KeyedEntry[];
  readonly production: readonly KeyedEntry[];
}): string {
  const rows = (entries: readonly KeyedEntry[]): unknown[] =>
    entries.map(({ entry, sha256 }) => [
      entry.path,
      entry.kind,
      entry.mode,
      entry.kind === 'file' ? entry.source.from : '',
      sha256 ?? '',
    ]);
  const text = JSON.stringify([IMAGE_SCHEMA, rows(images.capture), rows(images.production)]);
  return sha256Of(text).slice(0, KEY_DIGITS);
}
