import { join } from 'node:path';
import { sha256Of } from '../../../cache/sha256.js';
import { harnessFault, usageFault } from '../../../model/fault.js';
import type { ProgramHost } from '../program-host.js';
import { type AskOptions, askQemu, findQemu } from './ask-qemu.js';
import { type CacheKey, currentBootId, keepProof, readProof } from './kept-proofs.js';
import { deviceProblemThere } from './probe-there.js';
import { type AccelProof, type KvmProof, remedyFor } from './proof.js';
import { deviceProblem, probeLimitMs, proveKvm } from './prove-kvm.js';
import { qemuVersion } from './qemu-version.js';

const KVM_DEVICE = '/dev/kvm';

/**
 * `auto`: KVM where it is proved, else TCG. `kvm`: KVM, which must be proved. `kvm-unproved`: KVM although it is not
 * proved, for a host that is slow on purpose (an emulated one); results say so.
 */
export type AccelRequest = 'auto' | 'kvm' | 'kvm-unproved' | 'tcg';

/** Which accelerator runs the guests, and why. */
export interface AccelChoice {
  readonly accel: 'kvm' | 'tcg';
  readonly requested: AccelRequest;
  /** One sentence for people. */
  readonly reason: string;
  /** Why KVM, which was insisted on, is not proved; absent when it is, and with TCG. */
  readonly unproved?: string;
  readonly proof: AccelProof;
  /** True when the proof was read from the cache and no guest was run. */
  readonly fromCache: boolean;
  /** As QEMU prints it, with the distribution's revision. */
  readonly qemuVersion: string;
  /** Why the proof could not be cached; absent when it was, or need not be. */
  readonly cacheProblem?: string;
}

/** Options of {@link chooseAccelerator}. */
export interface ChooseOptions {
  /** A name in PATH or a path. */
  readonly qemuBinary: string;
  /** Its version, as {@link qemuVersion} has it, where the caller has asked already. */
  readonly version?: string | undefined;
  /** The cache. `accel.json` is in it, or in a folder of its own for another host; need not exist or be writable. */
  readonly cacheDir: string;
  readonly signal?: AbortSignal | undefined;
  /** The host that runs the guests; this one when absent. */
  readonly host?: ProgramHost | undefined;
  /** Ignore the cached proof, and cache a new one. */
  readonly fresh?: boolean | undefined;
  /** Factor on the deadlines of the proof, for slow hosts (default 1); below 1 it counts as 1. */
  readonly scale?: number | undefined;
  /** Called before the guests of a proof run, with their longest time in milliseconds. */
  readonly onProbe?: ((limitMs: number) => void) | undefined;
  /** The KVM device, `/dev/kvm` when absent. */
  readonly kvmDevice?: string | undefined;
}

/**
 * Chooses KVM only when it is proved by a guest that does real work there (see `proveKvm`), TCG otherwise. Takes ~0.6 s
 * where KVM works and up to ~4 s where it does not, longer on a busy host. Then the outcome comes from
 * `<cacheDir>/accel.json`: a proof until the next boot or another QEMU, a refutation for an hour at most (see
 * {@link isRefuted}). Nothing else is cached: a missing device or permission, a failure, a guest that was slower than
 * under TCG or waited for the host.
 *
 * Throws a usage Fault when `kvm` was asked for and is not proved, `kvm-unproved` and there is no KVM to be used, or
 * `tcg` and it is not built in; a harness Fault when QEMU is missing or has neither; the signal's reason when aborted.
 */
export async function chooseAccelerator(request: AccelRequest, options: ChooseOptions): Promise<AccelChoice> {
  const asking = { signal: options.signal, host: options.host };
  const qemuPath = await findQemu(options.qemuBinary, asking);
  const version = options.version ?? (await qemuVersion(qemuPath, asking)).text;
  const common = { requested: request, qemuVersion: version };
  if (request === 'tcg') {
    await requireTcg(qemuPath, request, asking);
    const kvm: KvmProof = { outcome: 'not-asked', tried: false, detail: 'TCG was asked for' };
    return { ...common, accel: 'tcg', reason: 'TCG was asked for.', proof: { kvm }, fromCache: false };
  }

  const found = await proofFor(request, qemuPath, version, options);
  const { kvm } = found.proof;
  if (kvm.outcome === 'proved') {
    return { ...common, ...found, accel: 'kvm', reason: `KVM is proved: ${kvm.detail}.` };
  }
  if (request === 'kvm-unproved' && kvm.tried) {
    const reason = `KVM is used although it is not proved: ${kvm.detail}.`;
    return { ...common, ...found, accel: 'kvm', reason, unproved: kvm.detail };
  }
  if (request !== 'auto') {
    throw usageFault(`cannot use accelerator "${request}": ${kvm.detail}; ${remedyFor(kvm)}`);
  }
  await requireTcg(qemuPath, request, asking);
  return {
    ...common,
    ...found,
    accel: 'tcg',
    reason: `TCG is used because KVM is not proved: ${kvm.detail}.`,
  };
}

type FoundProof = Pick<AccelChoice, 'proof' | 'fromCache' | 'cacheProblem'>;

async function proofFor(
  request: Exclude<AccelRequest, 'tcg'>,
  qemuPath: string,
  version: string,
  options: ChooseOptions,
): Promise<FoundProof> {
  const kvmDevice = options.kvmDevice ?? KVM_DEVICE;
  const { host, signal } = options;
  const scale = Math.max(1, options.scale ?? 1);
  const proofDir = host === undefined ? options.cacheDir : proofDirOf(options.cacheDir, host);
  const problem = await (host === undefined ? deviceProblem(kvmDevice) : deviceProblemThere(host, kvmDevice));
  if (problem !== undefined) return { proof: { kvm: problem }, fromCache: false };

  const bootId = await (host === undefined ? currentBootId() : host.bootId());
  const key: CacheKey | undefined =
    bootId === undefined ? undefined : { bootId, qemuPath, qemuVersion: version, kvmDevice };
  if (key !== undefined && options.fresh !== true) {
    const kept = await readProof(proofDir, key, Date.now);
    // A caller that requires KVM may just have repaired it: a cached failure does not count then.
    // Nor does that of a guest that had less time: with more it may come to its end.
    const counts =
      kept?.kvm.outcome === 'proved' || (request !== 'kvm' && kept !== undefined && isRefuted(kept, scale));
    if (kept !== undefined && counts) return { proof: kept, fromCache: true };
  }

  const builtIn = await builtInAccelerators(qemuPath, { signal, host });
  if (!builtIn.has('kvm')) {
    const detail = `${qemuPath} was built without it`;
    return { proof: { kvm: { outcome: 'not-built-in', tried: false, detail } }, fromCache: false };
  }
  options.onProbe?.(probeLimitMs(scale));
  const proof = await proveKvm({ qemuPath, builtIn, signal, host, scale });
  if (key === undefined || (proof.kvm.outcome !== 'proved' && !isRefuted(proof, scale)))
    return { proof, fromCache: false };
  const cacheProblem = await keepProof(proofDir, key, { proof, atMs: Date.now() });
  return { proof, fromCache: false, ...(cacheProblem === undefined ? {} : { cacheProblem }) };
}

function proofDirOf(cacheDir: string, { name }: ProgramHost): string {
  return join(cacheDir, 'hosts', sha256Of(name).slice(0, 16));
}

/** The guest under KVM must have had this much of its own time, times the scale, and so many times that of TCG. */
const REFUTED_AFTER_MS = 2_000;
const REFUTED_FACTOR = 2;

/**
 * Whether a guest that did not end refutes KVM at a scale: it had more than enough time of its own, so that a busy host
 * is no excuse. A host that does not tell how long QEMU waited for a CPU refutes nothing. Pure.
 */
export function isRefuted({ kvm, tcgWorkMs }: AccelProof, scale = 1): boolean {
  if (kvm.outcome !== 'too-slow' || kvm.ended || kvm.waitedMs === undefined) return false;
  const ownMs = kvm.tookMs - kvm.waitedMs;
  return ownMs >= REFUTED_AFTER_MS * scale && ownMs >= REFUTED_FACTOR * (tcgWorkMs ?? 0);
}

/** Names in the output of `qemu -accel help`: one a line after a heading. Pure. */
export function parseAccelerators(output: string): ReadonlySet<string> {
  return new Set(output.split('\n').filter((line) => /^[a-z][a-z0-9]{1,15}$/.test(line)));
}

async function builtInAccelerators(qemuPath: string, asking: AskOptions): Promise<ReadonlySet<string>> {
  return parseAccelerators(await askQemu(qemuPath, ['-accel', 'help'], asking));
}

async function requireTcg(qemuPath: string, request: 'auto' | 'tcg', asking: AskOptions): Promise<void> {
  const builtIn = await builtInAccelerators(qemuPath, asking);
  if (builtIn.has('tcg')) return;
  const message = `cannot use accelerator "tcg": ${qemuPath} was built without it; install qemu-system-x86`;
  throw request === 'tcg' ? usageFault(message) : harnessFault(message);
}
