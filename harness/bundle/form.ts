import { z } from 'zod';

/** Version of the form; raised when an older reader would misread a new bundle. */
export const BUNDLE_SCHEMA = 1;

const MIB = 1024 * 1024;

/**
 * Every member that a bundle may have, in their order, with the most bytes that it may have. There are no others, so no
 * member can have a path of its own choice. `run/` has the form of a run directory.
 */
export const MEMBERS = {
  'manifest.json': MIB,
  'run/plan.json': 4 * MIB,
  'run/verdict.json': 16 * MIB,
  'run/console.bin': 64 * MIB,
  'run/control.bin': 64 * MIB,
  'run/chunks.jsonl': 128 * MIB,
  'run/qmp.jsonl': 128 * MIB,
  'run/samples.jsonl': 256 * MIB,
  'run/host.jsonl': 256 * MIB,
  'images/manifest.json': 16 * MIB,
  'kernel/vmlinuz': 256 * MIB,
  'capture-kernel/vmlinuz': 256 * MIB,
  'images/production.cpio': 1024 * MIB,
} as const;

export type MemberName = keyof typeof MEMBERS;

/** The first member: it names all others. */
export const MANIFEST = 'manifest.json' satisfies MemberName;

/** Members that every bundle has beside the manifest. */
export const RUN_MEMBERS = [
  'run/plan.json',
  'run/verdict.json',
  'run/console.bin',
  'run/control.bin',
  'run/chunks.jsonl',
  'run/qmp.jsonl',
  'run/samples.jsonl',
  'run/host.jsonl',
] as const satisfies readonly MemberName[];

export function isMemberName(name: string): name is MemberName {
  return Object.hasOwn(MEMBERS, name);
}

const Sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be a sha256');
const size = z.number().int().nonnegative();

const MemberSchema = z.strictObject({
  name: z.string().refine(isMemberName, 'must be a member of this form'),
  size,
  sha256: Sha256,
});

/** Kinds of names of the sender's host that are searched for. */
export const NAME_KINDS = ['host name', 'user name', 'directory'] as const;
export type NameKind = (typeof NAME_KINDS)[number];

export const BundleManifestSchema = z.strictObject({
  format: z.literal('crashpath bundle'),
  schema: z.literal(BUNDLE_SCHEMA),
  /** Version of the crashpath that packed it. */
  crashpath: z.string().max(64),
  /** `hashes-only`: kernels and images are named by their hashes. */
  contents: z.enum(['whole', 'hashes-only']),
  members: z.array(MemberSchema).max(Object.keys(MEMBERS).length),
  /** The first kernel's image; absent when the sender did not have it any more. */
  image: z.strictObject({ key: z.string().regex(/^[0-9a-f]{32}$/), bytes: size, sha256: Sha256 }).optional(),
  /** Names of the sender's host that guests or programs wrote into members, which are packed as they are. */
  remaining: z
    .array(z.strictObject({ member: z.string().max(64), what: z.enum(NAME_KINDS), times: size }))
    .max(64),
});

export type BundleManifest = z.infer<typeof BundleManifestSchema>;
