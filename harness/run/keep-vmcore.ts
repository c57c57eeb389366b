import { rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Dump, MachineFailure, type Memory } from '../machine/machine.js';
import type { RunEvent } from '../model/event.js';
import { Fault } from '../model/fault.js';
import type { HostFact } from '../model/record.js';
import { mostOfDumpMiB } from '../plan/kept-vmcore.js';
import { type FinishedDump, finishDump, type NoDump, VMCORE_FILE } from '../store/finish-dump.js';
import { crashedKernel } from './crashed-kernel.js';

const MIB = 1024 * 1024;
/** What is left of the disk after a dump, at least. */
const DISK_LEFT_MIB = 512;

/** A run whose dump may be kept. */
export interface DumpedRun {
  readonly directory: string;
  readonly events: readonly RunEvent[];
  readonly memoryMiB: number;
  /** Whether this run's is to be kept. */
  readonly wanted: boolean;
  readonly captured: boolean;
}

/**
 * Makes `vmcore` of what the capture kernel wrote, or of the stopped machine's memory, and records which of them it is,
 * or why there is none. Nothing is left of a dump that is not wanted.
 */
export async function keepVmcore(
  { dump, memory }: { readonly dump: Dump; readonly memory: Memory | undefined },
  run: DumpedRun,
): Promise<HostFact | undefined> {
  const { directory, wanted } = run;
  try {
    return wanted ? await kept({ dump, memory }, run) : undefined;
  } catch (error) {
    // Nothing that fails here changes what the run showed.
    if (error instanceof Fault) return { fact: 'vmcore-not-kept', why: error.message };
    throw error;
  } finally {
    if (dump.disk !== undefined) await rm(join(directory, dump.disk), { force: true });
  }
}

async function kept(
  { dump, memory }: { readonly dump: Dump; readonly memory: Memory | undefined },
  { directory, events, memoryMiB, captured }: DumpedRun,
): Promise<HostFact> {
  const mostBytes = mostOfDumpMiB(memoryMiB) * MIB;
  let why: string | undefined;
  if (captured && dump.disk !== undefined) {
    const { blocks } = await stat(join(directory, dump.disk));
    await requireRoom(directory, blocks * 512);
    const ended = events.findLast((event) => event.type === 'dump');
    const own =
      ended?.status === 0
        ? await finishDump(directory, { part: dump.disk, mostBytes })
        : {
            why:
              ended === undefined ? 'it did not report its end' : ended.said || `exit status ${ended.status}`,
          };
    if (!('why' in own)) return factOf('capture-kernel', own);
    why = `the capture kernel's dump is not whole: ${own.why}`;
  }
  await requireRoom(directory, mostBytes);
  const crashed = memory === undefined ? undefined : await crashedKernel(memory, events);
  const outside: FinishedDump | NoDump = await finishDump(directory, {
    part: await dump.save(),
    mostBytes,
    crashed,
  });
  if (!('why' in outside)) return factOf('outside', outside, why);
  return { fact: 'vmcore-not-kept', why: `QEMU's dump is not whole: ${outside.why}` };
}

function factOf(
  source: 'capture-kernel' | 'outside',
  { bytes, pages, level, hasVmcoreinfo }: FinishedDump,
  why?: string,
): HostFact {
  return {
    fact: 'vmcore-kept',
    source,
    file: VMCORE_FILE,
    format: 'kdump-compressed',
    bytes,
    pages,
    level,
    vmcoreinfo: hasVmcoreinfo,
    ...(why === undefined ? {} : { why }),
  };
}

/** A dump that fills the disk would take the recording with it. */
async function requireRoom(directory: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const left = Math.floor((bavail * bsize - bytes) / MIB);
  if (left >= DISK_LEFT_MIB) return;
  const needed = Math.ceil(bytes / MIB) + DISK_LEFT_MIB;
  throw new MachineFailure(`cannot keep the vmcore: the disk has no ${needed} MiB left; free some space`, {
    gone: false,
  });
}
