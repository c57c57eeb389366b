import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { keepFile, readJsonFile } from '../../../cache/kept-file.js';
import { type AccelProof, accelProofSchema } from './proof.js';

const FILE_NAME = 'accel.json';
const ENTRIES_LIMIT = 16;
/**
 * How long a proof that KVM does not work is kept: a hypervisor outside of this host may have been busy, which its
 * guest cannot see. It costs another 4 s each time.
 */
const REFUTED_FOR_MS = 3_600_000;
const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';

const keySchema = z.strictObject({
  /** The host kernel's boot: a reload of kvm with other parameters mostly comes with a new one. */
  bootId: z.string().min(1).max(100),
  qemuPath: z.string().min(1).max(4096),
  qemuVersion: z.string().min(1).max(1000),
  kvmDevice: z.string().min(1).max(4096),
});

const fileSchema = z.strictObject({
  version: z.literal(2),
  entries: z
    .array(
      z.strictObject({
        key: keySchema,
        proof: accelProofSchema,
        /** When it was made, milliseconds since 1970. */
        atMs: z.number().int(),
      }),
    )
    .max(ENTRIES_LIMIT),
});

/** The host, kernel and QEMU for which a proof is valid. */
export type CacheKey = z.infer<typeof keySchema>;
type Entries = z.infer<typeof fileSchema>['entries'];

/** This boot's id, or undefined where the host has none: then nothing is cached. */
export async function currentBootId(): Promise<string | undefined> {
  try {
    return (await readFile(BOOT_ID_FILE, 'latin1')).trim() || undefined;
  } catch {
    return undefined;
  }
}

/** The proof kept for a key, or undefined; an absent, unreadable or damaged file holds none. `now`: the host's date. */
export async function readProof(
  cacheDir: string,
  key: CacheKey,
  now: () => number,
): Promise<AccelProof | undefined> {
  const entry = (await readEntries(cacheDir)).find((each) => sameKey(each.key, key));
  if (entry === undefined || entry.proof.kvm.outcome === 'proved') return entry?.proof;
  const ageMs = now() - entry.atMs;
  // A date that lies ahead is that of a clock that was set back.
  return ageMs >= 0 && ageMs < REFUTED_FOR_MS ? entry.proof : undefined;
}

/**
 * Stores a proof with its date, atomically, with the other proofs of this boot. Returns undefined, or why it could not
 * be stored: a cache that cannot be written only costs time, so it is no error.
 */
export async function keepProof(
  cacheDir: string,
  key: CacheKey,
  { proof, atMs }: { readonly proof: AccelProof; readonly atMs: number },
): Promise<string | undefined> {
  const others = (await readEntries(cacheDir)).filter(
    (entry) => entry.key.bootId === key.bootId && !sameKey(entry.key, key),
  );
  const entries: Entries = [{ key, proof, atMs }, ...others].slice(0, ENTRIES_LIMIT);
  return keepFile(path.join(cacheDir, FILE_NAME), `${JSON.stringify({ version: 2, entries }, null, 2)}\n`);
}

async function readEntries(cacheDir: string): Promise<Entries> {
  return (await readJsonFile(path.join(cacheDir, FILE_NAME), fileSchema))?.entries ?? [];
}

function sameKey(one: CacheKey, other: CacheKey): boolean {
  return (
    one.bootId === other.bootId &&
    one.qemuPath === other.qemuPath &&
    one.qemuVersion === other.qemuVersion &&
    one.kvmDevice === other.kvmDevice
  );
}
