import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { publish, withTempDir } from '../cache/cache-directory.js';
import type { CachePlace } from '../cache/cache-fault.js';
import { sha256Of, sha256OfFile } from '../cache/sha256.js';
import { type Manifest, ManifestSchema } from '../image/manifest.js';
import { kernelFromFile, versionTextOf } from '../kernel/index.js';
import { Fault } from '../model/fault.js';
import { messageOf } from '../model/errno.js';
import type { Kernel } from '../model/kernel.js';
import {
  type Channel,
  ChunkSchema,
  type HostFact,
  HostRecordSchema,
  QmpRecordSchema,
  type RunRecord,
  SampleSchema,
} from '../model/record.js';
import type { RunResult } from '../model/result.js';
import { requireConsistent } from '../plan/read-scenario.js';
import { requireGuest } from '../plan/stored-guest.js';
import { type RunPlan, RunPlanSchema } from '../plan/run-plan.js';
import { readRecording } from '../store/read-recording.js';
import { rejudge } from '../store/rejudge.js';
import { readResult } from '../store/run-directory.js';
import { type BundleManifest, MANIFEST, type MemberName, MOST_LINES } from './form.js';
import { type HostStatement, hostFactsIn } from './host-facts.js';
import { linesIn } from './recording-files.js';
import { BadBundle, naming, unpackBundle } from './unpack.js';

/** A bundle that was unpacked and checked. */
export interface Bundle {
  /** Where its members are; `run/` below is a run directory. */
  readonly directory: string;
  readonly manifest: BundleManifest;
  /** Its files are members' names: nothing of it is a path of this host. */
  readonly plan: RunPlan;
  /** This crashpath's verdict on its recording. */
  readonly result: RunResult;
  /** What the sender's crashpath said, where that is another verdict. */
  readonly senderSaid: string | undefined;
  readonly facts: readonly HostFact[];
  /** Undefined when it names kernels by their hashes only. */
  readonly held: HeldGuest | undefined;
  readonly statements: readonly HostStatement[];
}

/** Kernels and image of a bundle, by their paths here. */
export interface HeldGuest {
  readonly kernel: Kernel;
  readonly captureKernel: Kernel;
  /** The first kernel's image. */
  readonly initrd: string;
}

/** Options of the readers. */
export interface ReadOptions {
  readonly cacheDir: string;
  readonly signal?: AbortSignal | undefined;
}

function bundleCache(cacheDir: string): CachePlace {
  return { kind: 'bundle', cacheDir };
}

/**
 * Reads a bundle and checks all of it; `use` gets it while its members are in a directory that is removed afterwards.
 * Throws a usage fault for a file that is no intact bundle.
 */
export async function withBundle<T>(
  file: string,
  options: ReadOptions,
  use: (bundle: Bundle) => Promise<T>,
): Promise<T> {
  return withTempDir(bundleCache(options.cacheDir), async (directory) => {
    const manifest = await unpackBundle(file, directory, options.signal);
    return use(await naming(file, () => checkContents(manifest, directory)));
  });
}

/**
 * Unpacks a bundle into the cache, `bundles/<sha256 of its manifest>/`, where it stays: stored runs name its kernels.
 * Everything is checked before it is there, by `accept` at last, which throws. Throws as {@link withBundle} does.
 */
export async function keepBundle(
  file: string,
  options: ReadOptions & { readonly accept?: (bundle: Bundle) => void },
): Promise<Bundle> {
  const place = bundleCache(options.cacheDir);
  return withTempDir(place, async (temporary) => {
    const manifest = await unpackBundle(file, temporary, options.signal);
    options.accept?.(await naming(file, () => checkContents(manifest, temporary)));
    const id = sha256Of(await readFile(join(temporary, MANIFEST)));
    const directory = join(resolve(options.cacheDir), 'bundles', id);
    await publish(place, {
      from: temporary,
      to: directory,
      isIntact: () => isIntact(manifest, directory),
    });
    return naming(file, () => checkContents(manifest, directory));
  });
}

async function isIntact({ members }: BundleManifest, directory: string): Promise<boolean> {
  for (const { name, sha256 } of members) {
    if ((await sha256OfFile(join(directory, name)).catch(() => undefined)) !== sha256) return false;
  }
  return true;
}

async function checkContents(manifest: BundleManifest, directory: string): Promise<Bundle> {
  const run = join(directory, 'run');
  const plan = checkPlan(await jsonOf(directory, 'run/plan.json'));
  await checkRecording(run);
  const hasKernels = manifest.contents === 'whole';
  requireMembers(manifest, plan);
  const images = hasKernels ? await checkImages(manifest, plan, directory) : undefined;
  const held = hasKernels ? await checkKernels(manifest, plan, directory) : undefined;
  const sender = await readResult(run);
  if (sender === undefined) throw new BadBundle('its run/verdict.json is not valid');
  const { records, result } = await judged(run);
  const facts = records.flatMap((record) => (record.kind === 'host' ? [record.record] : []));
  const versions: string[] = [];
  for (const { bzImage } of held === undefined ? [] : new Set([held.kernel, held.captureKernel]))
    versions.push((await versionTextOf(bzImage)) ?? 'none');
  const statements = hostFactsIn({
    manifest,
    plan,
    records,
    consoleBytes: bytesOf(records, 'console'),
    controlBytes: bytesOf(records, 'control'),
    kernelVersions: versions,
    images,
  });
  return {
    directory,
    manifest,
    plan,
    result,
    senderSaid: difference(sender, result),
    facts,
    held,
    statements,
  };
}

function bytesOf(records: readonly RunRecord[], channel: Channel): Buffer {
  return Buffer.concat(
    records.flatMap((record) =>
      record.kind === 'chunk' && record.channel === channel ? [record.bytes] : [],
    ),
  );
}

function difference(sender: RunResult, here: RunResult): string | undefined {
  const same = isDeepStrictEqual([sender.verdict, sender.detail], [here.verdict, here.detail]);
  return same ? undefined : `${sender.verdict}: ${sender.detail.slice(0, 200)}`;
}

/** A damaged or hostile recording must not look like a bug of crashpath. */
async function judged(run: string): Promise<{ records: readonly RunRecord[]; result: RunResult }> {
  try {
    return { records: await readRecording(run), result: (await rejudge(run)).result };
  } catch (error) {
    throw new BadBundle(`its recording cannot be judged: ${messageOf(error)}`, { cause: error });
  }
}

const RUN_ID = /^[\w.+~-]{1,200}$/;
/** As a packer writes it: portable, or the release. */
const SPEC = /^[\w.+~:/-]{1,200}$/;

function checkPlan(value: unknown): RunPlan {
  const parsed = RunPlanSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new BadBundle(
      `its run/plan.json is not valid: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? '?'}`,
    );
  }
  const plan = parsed.data;
  if (!RUN_ID.test(plan.runId)) throw new BadBundle('its run has a name that is none');
  const members: readonly string[] = ['kernel/vmlinuz', 'capture-kernel/vmlinuz'];
  if (plan.qemu.version.length > 200) throw new BadBundle('the version of its QEMU is none');
  for (const { bzImage, modulesDir, config, sha256, release, spec } of [plan.kernel, plan.captureKernel]) {
    if (!members.includes(bzImage) || modulesDir !== undefined || config !== undefined)
      throw new BadBundle('its plan names files of a host');
    if (!/^[0-9a-f]{64}$/.test(sha256) || !RUN_ID.test(release) || !SPEC.test(spec))
      throw new BadBundle('a kernel of its plan has no valid sha256, release or spec');
  }
  try {
    requireConsistent(plan.scenario, 'run/plan.json');
    requireGuest(plan);
  } catch (error) {
    if (error instanceof Fault) throw new BadBundle(error.message, { cause: error });
    throw error;
  }
  return plan;
}

/** The members of kernels and images are there exactly when the manifest says so. */
function requireMembers({ contents, members }: BundleManifest, plan: RunPlan): void {
  const isWhole = contents === 'whole';
  const isSame = plan.kernel.sha256 === plan.captureKernel.sha256;
  const wanted: Record<string, boolean> = {
    'kernel/vmlinuz': isWhole,
    'capture-kernel/vmlinuz': isWhole && !isSame,
    'images/manifest.json': isWhole,
    'images/production.cpio': isWhole,
  };
  for (const [name, isWanted] of Object.entries(wanted)) {
    if (members.some((member) => member.name === name) === isWanted) continue;
    throw new BadBundle(`it ${isWanted ? 'has no' : 'should not have'} ${name}`);
  }
}

async function checkKernels(manifest: BundleManifest, plan: RunPlan, directory: string): Promise<HeldGuest> {
  const initrd = join(directory, 'images/production.cpio');
  const kernel = await checkKernel(manifest, plan.kernel, { directory, member: 'kernel/vmlinuz' });
  if (plan.captureKernel.sha256 === plan.kernel.sha256) return { kernel, captureKernel: kernel, initrd };
  const place = { directory, member: 'capture-kernel/vmlinuz' } as const;
  return { kernel, captureKernel: await checkKernel(manifest, plan.captureKernel, place), initrd };
}

async function checkKernel(
  { members }: BundleManifest,
  planned: RunPlan['kernel'],
  { directory, member }: { directory: string; member: MemberName },
): Promise<Kernel> {
  const listed = members.find(({ name }) => name === member);
  if (listed?.sha256 !== planned.sha256) throw new BadBundle(`its ${member} is not the kernel of its plan`);
  const path = join(directory, member);
  try {
    const kernel = await kernelFromFile(path, path);
    if (kernel.release !== planned.release || (kernel.bits ?? 64) !== (planned.bits ?? 64))
      throw new BadBundle(`its ${member} is ${kernel.release}, its plan says ${planned.release}`);
    return kernel;
  } catch (error) {
    if (error instanceof Fault) throw new BadBundle(`its ${member} is no kernel: ${error.message}`);
    throw error;
  }
}

async function checkImages(manifest: BundleManifest, plan: RunPlan, directory: string): Promise<Manifest> {
  const parsed = ManifestSchema.safeParse(await jsonOf(directory, 'images/manifest.json'));
  if (!parsed.success) throw new BadBundle('its images/manifest.json is not valid');
  const images = parsed.data;
  const { sha256, bytes } = images.images.production;
  const listed = manifest.members.find(({ name }) => name === 'images/production.cpio');
  const { image } = manifest;
  const isOne =
    listed?.sha256 === sha256 &&
    listed.size === bytes &&
    image?.sha256 === sha256 &&
    image.key === images.key;
  if (!isOne) throw new BadBundle('its image is not the one of images/manifest.json');
  if (images.captureKernel.sha256 !== (plan.repacked?.capture ?? plan.captureKernel).sha256)
    throw new BadBundle('its image has another capture kernel than its plan');
  return images;
}

async function jsonOf(directory: string, name: MemberName): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(directory, name), 'utf8'));
  } catch (error) {
    throw new BadBundle(`its ${name} is not JSON: ${messageOf(error)}`);
  }
}

const LINES = [
  ['chunks.jsonl', ChunkSchema],
  ['qmp.jsonl', QmpRecordSchema],
  ['samples.jsonl', SampleSchema],
  ['host.jsonl', HostRecordSchema],
] as const satisfies readonly (readonly [string, z.ZodType])[];

/** A packer writes whole lines only: one that the recording's reader would skip is none of its own. */
async function checkRecording(run: string): Promise<void> {
  for (const [name, schema] of LINES) {
    const bytes = await readFile(join(run, name));
    const count = linesIn(bytes);
    if (count > MOST_LINES)
      throw new BadBundle(`its run/${name} has ${count} lines, more than ${MOST_LINES}`);
    const lines = bytes.toString('utf8').split('\n');
    if (lines.at(-1) === '') lines.pop();
    for (const [index, line] of lines.entries()) {
      if (!schema.safeParse(tryJson(line)).success)
        throw new BadBundle(`line ${index + 1} of its run/${name} is not valid`);
    }
  }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
