import { mkdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { inCache } from '../cache/cache-fault.js';
import { readJsonFile } from '../cache/kept-file.js';
import { writeWhole } from '../cache/write-whole.js';
import { signalGroup } from '../host/process-group.js';
import { kernelCache } from '../kernel/kernel-cache.js';

/** CPU vendors that a lab can have. */
export const VENDORS = ['intel', 'amd'] as const;
export type Vendor = (typeof VENDORS)[number];

const stateSchema = z.object({
  format: z.literal(1),
  /** Process of the emulator, which leads its group. */
  pid: z.number().int().positive(),
  /** When it started, in clock ticks since the boot: a later process with the same id differs in it. */
  startTicks: z.string(),
  startedAtMs: z.number(),
  /** On 127.0.0.1. */
  port: z.number().int(),
  vendor: z.enum(VENDORS),
  /** Debian version of the QEMU inside. */
  qemu: z.string(),
});

/** A lab that was started. */
export type LabState = z.infer<typeof stateSchema>;

/** Paths of one lab, below the cache. One per vendor, so that both can run at once. */
export interface LabPaths {
  readonly dir: string;
  readonly state: string;
  readonly key: string;
  readonly hostKey: string;
  readonly knownHosts: string;
  readonly sshConfig: string;
  readonly iso: string;
  readonly initrd: string;
  /** What the emulated host printed on its serial port. */
  readonly serial: string;
  /** What the emulator printed. */
  readonly log: string;
}

/** Paths of the lab of a vendor. Nothing is made. */
export function labPaths(cacheDir: string, vendor: Vendor): LabPaths {
  const dir = join(resolve(cacheDir), 'lab', vendor);
  const at = (name: string) => join(dir, name);
  return {
    dir,
    state: at('lab.json'),
    key: at('id_ed25519'),
    hostKey: at('host_key'),
    knownHosts: at('known_hosts'),
    sshConfig: at('ssh_config'),
    iso: at('host.iso'),
    initrd: at('initrd'),
    serial: at('serial.txt'),
    log: at('emulator.log'),
  };
}

/** Name of the lab in its ssh_config. */
export function labName(vendor: Vendor): string {
  return `crashpath-lab-${vendor}`;
}

/** The lab that runs; undefined when none does. */
export async function runningLab(paths: LabPaths): Promise<LabState | undefined> {
  const state = await readJsonFile(paths.state, stateSchema);
  if (state === undefined) return undefined;
  return (await startTicksOf(state.pid)) === state.startTicks ? state : undefined;
}

/** Makes the directory, which holds keys: only its owner can read it. */
export async function makeLabDirectory(cacheDir: string, paths: LabPaths): Promise<void> {
  await inCache(kernelCache(cacheDir), () => mkdir(paths.dir, { recursive: true, mode: 0o700 }));
}

/** Writes down what was started. */
export async function rememberLab(paths: LabPaths, state: Omit<LabState, 'format'>): Promise<void> {
  await writeWhole(paths.state, `${JSON.stringify({ format: 1, ...state })}\n`);
}

/** Start of a process in clock ticks (field 22 of /proc/PID/stat); undefined when there is none, or only a zombie. */
export async function startTicksOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  // The name, field 2, may hold blanks and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}

const TERM_MS = 5_000;
const POLL_MS = 100;

/** Ends the lab: its whole process group, SIGTERM and after 5 s SIGKILL. Returns when it is gone. */
export async function endLab(paths: LabPaths, { pid, startTicks }: LabState): Promise<void> {
  const lives = async () => (await startTicksOf(pid)) === startTicks;
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (await lives()) signalGroup(pid, signal);
    for (let waitedMs = 0; waitedMs < TERM_MS && (await lives()); waitedMs += POLL_MS) await sleep(POLL_MS);
  }
  await rm(paths.state, { force: true });
}
