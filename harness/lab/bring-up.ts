import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile, rm, symlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256Of } from '../cache/sha256.js';
import { writeWhole } from '../cache/write-whole.js';
import type { KernelOptions } from '../kernel/options.js';
import { foldLine } from '../model/escape.js';
import { harnessFault, usageFault } from '../model/fault.js';
import { readBoot } from './boot-lines.js';
import { bochs, type Emulator, qemuAsAmd } from './emulators.js';
import { hostParts, makeBootMedia } from './host-image.js';
import { inLab, makeKeys } from './keys.js';
import {
  endLab,
  labPaths,
  type LabPaths,
  type LabState,
  makeLabDirectory,
  rememberLab,
  runningLab,
  startTicksOf,
  type Vendor,
} from './lab-directory.js';
import { fetchQemu } from './qemu-versions.js';

/** What the user asked for. */
export interface LabRequest {
  readonly vendor: Vendor;
  /** A version of QEMU_VERSIONS, for the host. */
  readonly qemu: string;
  readonly port: number;
  /** Limit from the emulator's start to the proof, by this machine's clock. */
  readonly limitMs: number;
}

type Options = KernelOptions & { readonly packageRoot: string };

/** The AMD host's emulator: the version that it was measured with. */
const AMD_EMULATOR = '7.2';
const POLL_MS = 1_000;
/** A login takes 10 s on an idle machine, and a minute on a busy one. */
const PROOF_DEADLINE_MS = 5 * 60_000;
/** KVM is there, and belongs to the loaded module; the host's QEMU starts. */
const PROOF =
  'set -e; test -c /dev/kvm; cat /sys/module/kvm_*/parameters/e?t /sys/module/kvm_*/parameters/npt 2>/dev/null || :; lsmod | grep -o "^kvm_[a-z]*"; qemu-system-x86_64 --version | head -n 1';

/**
 * Starts the lab and waits until KVM is proved inside: `kvm_intel` or `kvm_amd` is loaded, /dev/kvm is there, QEMU
 * starts. Returns at once when the lab runs already. On a failure, and on the signal, nothing is left running.
 */
export async function bringUp(request: LabRequest, options: Options): Promise<LabState> {
  const paths = labPaths(options.cacheDir, request.vendor);
  const lock = await startLock(paths);
  try {
    return await bringUpAlone(request, paths, options);
  } finally {
    lock.close();
  }
}

/** An abstract Unix socket (unix(7)), which this process holds and loses however it ends. Throws a usage fault. */
async function startLock({ dir }: LabPaths): Promise<Server> {
  const server = createServer();
  server.listen(`\0crashpath-lab-${sha256Of(dir).slice(0, 32)}`);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw usageFault(`cannot start the lab "${dir}": another "up" is starting it; wait for that one`, error);
  }
  return server;
}

async function bringUpAlone(request: LabRequest, paths: LabPaths, options: Options): Promise<LabState> {
  const running = await runningLab(paths);
  if (running !== undefined) return running;
  const parts = await hostParts(request.qemu, options);
  await makeLabDirectory(options.cacheDir, paths);
  await makeKeys(paths, { ...request, host: parts.host });
  await makeBootMedia(paths, parts, options);
  await checkPort(request.port);
  const setting = { paths, port: request.port };
  const emulator =
    request.vendor === 'intel'
      ? bochs(parts, setting)
      : qemuAsAmd(parts, { ...setting, qemu: (await fetchQemu(AMD_EMULATOR, options)).binary });
  options.onProgress?.('starting the emulator');
  const { vendor, port } = request;
  const qemu = parts.host.versions.get('qemu-system-x86') ?? '';
  const state: LabState = { format: 1, ...(await start(emulator, paths)), vendor, port, qemu };
  try {
    await rememberLab(paths, state);
    await waitUntilUp(state, { paths, limitMs: request.limitMs }, options);
  } catch (error) {
    await endLab(paths, state);
    throw error;
  }
  return state;
}

/** Starts the emulator as the leader of a group that outlives this process. */
async function start(emulator: Emulator, paths: LabPaths) {
  for (const [name, text] of Object.entries(emulator.files)) await writeWhole(join(paths.dir, name), text);
  for (const [name, target] of Object.entries(emulator.links)) {
    await rm(join(paths.dir, name), { force: true });
    await symlink(target, join(paths.dir, name));
  }
  await rm(paths.serial, { force: true });
  const [file, ...args] = emulator.command;
  const log = openSync(paths.log, 'w');
  const child = spawn(file, args, {
    cwd: paths.dir,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, ...emulator.environment },
  });
  closeSync(log);
  await once(child, 'spawn').catch((error: unknown) => {
    throw harnessFault(`cannot start "${file}": ${String(error)}; remove the cache's "trees"`, error);
  });
  child.unref();
  const pid = child.pid ?? 0;
  const startTicks = await startTicksOf(pid);
  if (startTicks === undefined) throw ended(paths, await lastLine(paths.log));
  return { pid, startTicks, startedAtMs: Date.now() };
}

async function waitUntilUp(
  state: LabState,
  { paths, limitMs }: { readonly paths: LabPaths; readonly limitMs: number },
  options: Options,
): Promise<void> {
  const sinceMs = () => Date.now() - state.startedAtMs;
  const say = (line: string) => options.onProgress?.(`${Math.round(sinceMs() / 1000)} s ${line}`);
  let told = 0;
  for (;;) {
    const boot = readBoot(await readFile(paths.serial, 'latin1').catch(() => ''));
    for (const step of boot.steps.slice(told)) say(foldLine(step, 100));
    told = boot.steps.length;
    if (boot.failure !== undefined) {
      throw harnessFault(
        `cannot start the lab "${paths.dir}": ${foldLine(boot.failure, 200)}; see ${paths.serial}`,
      );
    }
    if (boot.isUp) break;
    if ((await startTicksOf(state.pid)) !== state.startTicks) throw ended(paths, await lastLine(paths.log));
    if (sinceMs() > limitMs) {
      throw harnessFault(
        `cannot start the lab "${paths.dir}": after ${Math.round(limitMs / 60_000)} min it is at "${boot.steps.at(-1) ?? 'its firmware'}"; give more --minutes, or a less busy machine`,
      );
    }
    await sleep(POLL_MS, undefined, { signal: options.signal });
  }
  const proof = await inLab(paths, state.vendor, { command: PROOF, deadlineMs: PROOF_DEADLINE_MS });
  options.signal?.throwIfAborted();
  if (!proof.ok) {
    throw harnessFault(
      `cannot prove KVM in the lab "${paths.dir}": ${proof.missing ? 'ssh is not installed; install openssh-client' : `${proof.why}; see ${paths.serial}`}`,
    );
  }
  say(foldLine(proof.stdout.trim().split('\n').join(', '), 200));
}

async function checkPort(port: number): Promise<void> {
  const server = createServer();
  server.listen({ host: '127.0.0.1', port });
  try {
    await once(server, 'listening');
  } catch (error) {
    throw usageFault(`cannot use --port "${port}": another process listens there; give another one`, error);
  } finally {
    server.close();
  }
}

const ended = (paths: LabPaths, why: string) =>
  harnessFault(`cannot start the lab "${paths.dir}": the emulator ended (${why}); see ${paths.log}`);

async function lastLine(file: string): Promise<string> {
  const text = await readFile(file, 'latin1').catch(() => '');
  const lines = text.split('\n').filter((line) => /[a-z]/i.test(line));
  return foldLine(
    lines.findLast((line) => /PANIC|message|error/i.test(line)) ?? lines.at(-1) ?? 'no output',
    200,
  );
}
