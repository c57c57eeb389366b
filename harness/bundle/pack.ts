import { stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { type Pack, pack } from 'tar-stream';
import { sha256Of } from '../cache/sha256.js';
import { writeWhole } from '../cache/write-whole.js';
import { classify } from '../classify/classify.js';
import { resultOf } from '../classify/result.js';
import { type Manifest, ManifestSchema } from '../image/manifest.js';
import { listKernels } from '../kernel/index.js';
import { errnoOf, messageOf, reasonFor } from '../model/errno.js';
import { Fault, harnessFault, usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { RunResult } from '../model/result.js';
import type { RunRecord } from '../model/record.js';
import { requireGuest } from '../plan/stored-guest.js';
import type { RunPlan } from '../plan/run-plan.js';
import { readRecording } from '../store/read-recording.js';
import { rejudge } from '../store/rejudge.js';
import { readPlan } from '../store/run-directory.js';
import { readStored } from '../store/stored-file.js';
import { createTimeline } from '../timeline/timeline.js';
import { BUNDLE_SCHEMA, type BundleManifest, MANIFEST, MEMBERS, type MemberName } from './form.js';
import { createRedactor, type HostNames, type Redactor } from './host-names.js';
import { bundledPlan } from './rewrite-plan.js';
import { withoutHost } from './rewrite-recording.js';
import { recordingFiles } from './recording-files.js';
import { compress } from './zstd.js';

/** Options of {@link packRun}. */
export interface PackOptions {
  /** Kernels and images are named by their hashes only. */
  readonly hashesOnly: boolean;
  readonly cacheDir: string;
  /** Names of this host; those of the run itself are added. */
  readonly names: HostNames;
  readonly crashpathVersion: string;
  /** Makes the first kernel's image again when the cache has lost it; its path. */
  readonly imageAgain: (plan: RunPlan) => Promise<string>;
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A bundle that was written. */
export interface Packed {
  readonly bytes: number;
  readonly manifest: BundleManifest;
  readonly result: RunResult;
}

interface Member {
  readonly name: MemberName;
  readonly bytes: Buffer;
}

/**
 * Packs a stored run into one file: plan and recording without their host, the verdict of that recording, kernels and
 * image. The same run gives the same bytes. Throws a usage fault for a run that cannot be packed, a harness fault when the
 * file cannot be written.
 */
export async function packRun(directory: string, output: string, options: PackOptions): Promise<Packed> {
  const { hashesOnly, onProgress } = options;
  await requireReplaceable(output);
  const plan = await readPlan(directory);
  requirePortable(plan, directory);
  const { result: judged } = await rejudge(directory);
  const redactor = createRedactor(namesOf(plan, { directory, names: options.names }));
  const cached = new Map((await listKernels(options)).map((kernel) => [kernel.sha256, kernel]));
  const rewritten = bundledPlan(plan, { redactor, exactSpec: ({ sha256 }) => cached.get(sha256)?.spec });
  const records = withoutHost(await readRecording(directory), redactor);
  const result = sameVerdict(rewritten, { records, judged, directory });

  const image = await imageOf(plan, options);
  const members: Member[] = [
    { name: 'run/plan.json', bytes: json(rewritten) },
    { name: 'run/verdict.json', bytes: json(result) },
    ...recordingFiles(records),
  ];
  if (!hashesOnly) {
    onProgress?.('reading the kernels and the image');
    if (image === undefined) throw noImage(directory);
    members.push({ name: 'images/manifest.json', bytes: json(image.manifest) });
    members.push(...(await kernelMembers(plan, cached)));
    members.push({ name: 'images/production.cpio', bytes: image.bytes });
  }
  const manifest = manifestOf(members, { image, redactor, options });
  const total = members.reduce((sum, { bytes }) => sum + bytes.length, 0);
  onProgress?.(`packing ${(total / 1e6).toFixed(1)} MB`);
  const bytes = await compress(
    tarOf([{ name: MANIFEST, bytes: json(manifest) }, ...members]),
    options.signal,
  );
  try {
    await writeWhole(output, bytes, { mode: 0o600 });
  } catch (error) {
    const why = reasonFor(errnoOf(error)) ?? messageOf(error);
    throw harnessFault(`cannot write bundle "${output}": ${why}; choose another --output`, error);
  }
  return { bytes: bytes.length, manifest, result };
}

/** Throws a usage fault for what is no file: a device of that name would be replaced. */
async function requireReplaceable(output: string): Promise<void> {
  const found = await stat(output).catch(() => undefined);
  if (found === undefined || found.isFile()) return;
  throw usageFault(`cannot write bundle "${output}": it is not a file; choose another --output`);
}

/** Throws a usage fault for a guest that depends on files of this host. */
function requirePortable(plan: RunPlan, directory: string): void {
  try {
    requireGuest(plan);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw usageFault(
      `cannot bundle run "${directory}": ${error.message}; bundle a run on another machine`,
      error,
    );
  }
}

/** The verdict of the rewritten recording. Throws a harness fault when it is not the one of the recording itself. */
function sameVerdict(
  plan: RunPlan,
  { records, judged, directory }: { records: readonly RunRecord[]; judged: RunResult; directory: string },
): RunResult {
  const timeline = createTimeline(plan.limits);
  const events = [...records.flatMap((record) => timeline.push(record)), ...timeline.finish()];
  const result = resultOf(classify(events, plan), plan, { events, directory: '' });
  const telling = ({ verdict, detail, quality, degradedBy, undecided, outcome, phases }: RunResult) =>
    JSON.stringify([verdict, detail, quality, degradedBy, undecided, outcome, phases]);
  if (telling(result) === telling(judged)) return result;
  throw harnessFault(
    `cannot bundle run "${directory}": without its host its recording is judged ${result.verdict}: ${result.detail}, not ${judged.verdict}: ${judged.detail}; report this as a bug of crashpath`,
  );
}

/** The names in a run: its directories, the host over ssh that ran it, and the files of its kernels. */
function namesOf(plan: RunPlan, { directory, names }: { directory: string; names: HostNames }): HostNames {
  const { host, kernel, captureKernel, qemu } = plan;
  const [, user, name] = /^(?:ssh:\/\/)?(?:([^@/]+)@)?([^/:@]+)/.exec(host ?? '') ?? [];
  const files = [kernel, captureKernel].flatMap(({ bzImage, modulesDir, config }) => [
    bzImage,
    ...[modulesDir ?? [], config ?? []].flat(),
  ]);
  const paths = [...files, qemu.binary, initrdOf(plan) ?? ''].filter((path) => isAbsolute(path));
  return {
    hosts: [...names.hosts, ...(host === undefined || host === 'local' ? [] : [host, name ?? host])],
    users: [...names.users, ...(user === undefined ? [] : [user])],
    directories: [...names.directories, directory, dirname(directory), ...paths.map((path) => dirname(path))],
  };
}

function initrdOf({ qemu }: RunPlan): string | undefined {
  const at = qemu.args.indexOf('-initrd');
  return at === -1 ? undefined : qemu.args[at + 1];
}

interface FoundImage {
  readonly manifest: Manifest;
  readonly bytes: Buffer;
}

/** The first kernel's image, as the run booted it; undefined when it is lost. Its folder's name is its key. */
async function imageOf(plan: RunPlan, options: PackOptions): Promise<FoundImage | undefined> {
  const path = initrdOf(plan);
  if (path === undefined) return undefined;
  const found = await imageAt(path);
  if (found !== undefined || options.hashesOnly) return found;
  options.onProgress?.('the image is not in the cache any more: making it again');
  const again = await options.imageAgain(plan);
  // The key covers everything that is in an image: the same key, the same bytes.
  return dirname(again).endsWith(keyIn(path)) ? imageAt(again) : undefined;
}

function keyIn(path: string): string {
  return `/${dirname(path).split('/').at(-1) ?? ''}`;
}

async function imageAt(path: string): Promise<FoundImage | undefined> {
  try {
    const text = await readStored(join(dirname(path), 'manifest.json'));
    const manifest = ManifestSchema.parse(JSON.parse(text.toString('utf8')));
    const bytes = await readBounded(path, 'images/production.cpio');
    const { sha256 } = manifest.images.production;
    return sha256Of(bytes) === sha256 && keyIn(path) === `/${manifest.key}` ? { manifest, bytes } : undefined;
  } catch {
    return undefined;
  }
}

function noImage(directory: string): Fault {
  return usageFault(
    `cannot bundle run "${directory}": its image is not in the cache any more, and this host's programs make another one; use --hashes-only`,
  );
}

type CachedKernels = ReadonlyMap<string, Kernel>;

async function kernelMembers({ kernel, captureKernel }: RunPlan, cached: CachedKernels): Promise<Member[]> {
  const members: Member[] = [{ name: 'kernel/vmlinuz', bytes: await kernelBytes(kernel, cached) }];
  if (captureKernel.sha256 !== kernel.sha256)
    members.push({ name: 'capture-kernel/vmlinuz', bytes: await kernelBytes(captureKernel, cached) });
  return members;
}

/** The kernel where the run had it, or the same one in the cache. */
async function kernelBytes(
  { bzImage, release, sha256 }: RunPlan['kernel'],
  cached: CachedKernels,
): Promise<Buffer> {
  const other = cached.get(sha256)?.bzImage;
  const read = (path: string) => readBounded(path, 'kernel/vmlinuz');
  const isIt = (bytes: Buffer | undefined): bytes is Buffer =>
    bytes !== undefined && sha256Of(bytes) === sha256;
  let why = 'it is not the kernel of the run any more';
  const bytes = await read(bzImage).catch((error: unknown) => {
    why = reasonFor(errnoOf(error)) ?? messageOf(error);
    return undefined;
  });
  if (isIt(bytes)) return bytes;
  const again = other === undefined ? undefined : await read(other).catch(() => undefined);
  if (isIt(again)) return again;
  throw usageFault(
    `cannot bundle kernel "${bzImage}": ${why}; put ${release} back there, or use --hashes-only`,
  );
}

async function readBounded(path: string, name: MemberName): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > MEMBERS[name]) throw new Error(`it has ${size} bytes, a bundle holds ${MEMBERS[name]}`);
  return readStored(path);
}

function manifestOf(
  members: readonly Member[],
  { image, redactor, options }: { image: FoundImage | undefined; redactor: Redactor; options: PackOptions },
): BundleManifest {
  const tooLarge = members.find(({ name, bytes }) => bytes.length > MEMBERS[name]);
  if (tooLarge !== undefined) {
    throw usageFault(
      `cannot bundle "${tooLarge.name}": it has ${tooLarge.bytes.length} bytes, and a bundle holds ${MEMBERS[tooLarge.name]}; bundle a shorter run`,
    );
  }
  return {
    format: 'crashpath bundle',
    schema: BUNDLE_SCHEMA,
    crashpath: options.crashpathVersion,
    contents: options.hashesOnly ? 'hashes-only' : 'whole',
    members: members.map(({ name, bytes }) => ({ name, size: bytes.length, sha256: sha256Of(bytes) })),
    ...(image === undefined
      ? {}
      : {
          image: {
            key: image.manifest.key,
            bytes: image.bytes.length,
            sha256: image.manifest.images.production.sha256,
          },
        }),
    remaining: members.flatMap(({ name, bytes }) =>
      redactor.find(bytes).map(({ what, times }) => ({ member: name, what, times })),
    ),
  };
}

function json(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, undefined, 1)}\n`);
}

/** A tar archive without owners and dates. */
function tarOf(members: readonly Member[]): Pack {
  const archive = pack();
  for (const { name, bytes } of members) archive.entry({ name, mode: 0o600, mtime: new Date(0) }, bytes);
  archive.finalize();
  return archive;
}
