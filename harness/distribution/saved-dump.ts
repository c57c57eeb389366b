import { constants } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KDUMP_HEADERS_BYTES, namesOf } from '../dump/kdump-header.js';
import {
  crashDirectories,
  CRASH_DIRECTORY,
  dumpsIn,
  readListing,
  type SavedFile,
} from '../dump/saved-files.js';
import { bytesAt } from '../host/bytes-at.js';
import { runTool } from '../kernel/tool.js';
import type { SavedDumpFact } from '../model/distribution.js';
import { escapeGuestText } from '../model/escape.js';
import type { HostFact } from '../model/record.js';
import { SYSTEM_DISK } from '../plan/guest-spec.js';
import { mostOfDumpMiB } from '../plan/kept-vmcore.js';
import { finishDump, VMCORE_FILE } from '../store/finish-dump.js';
import { HEADERS_BYTES, loadsOf } from '../timeline/core-headers.js';
import { debugfs, withSbin } from './run-disk.js';

const PART = 'vmcore.part';
const LOG = 'vmcore-dmesg.txt';
const MIB = 1024 * 1024;
const TOOL_DEADLINE_MS = 5 * 60_000;
/** Directories of dumps that are looked into. */
const MOST_DIRECTORIES = 8;
/** Of the crashed kernel's log; a ring buffer has 2^25 bytes at most (init/Kconfig, LOG_BUF_SHIFT, v6.1). */
const MOST_LOG_BYTES = 64 * MIB;

/** The run whose dump is looked for. */
export interface SavedRun {
  readonly directory: string;
  readonly memoryMiB: number;
  readonly nonce: string;
}

/**
 * Finds the dump that the distribution left on the run's disk, keeps it as `vmcore` when it is whole, and has makedumpfile
 * open it. The machine must be gone. The disk is a guest's work: it is read by debugfs, nothing of it is mounted, and
 * names and sizes are bounded. What goes wrong is part of the fact.
 */
export async function savedDump({ directory, memoryMiB, nonce }: SavedRun): Promise<HostFact[]> {
  // The last writes of a guest that was reset are in the journal only.
  const replayed = await runTool(['e2fsck', '-p', '-E', 'journal_only', SYSTEM_DISK], {
    deadlineMs: TOOL_DEADLINE_MS,
    cwd: directory,
    environment: { LC_ALL: 'C', PATH: withSbin() },
  });
  // 1: errors corrected (e2fsck(8)).
  const isSound = replayed.ok || replayed.exitCode === 1;
  if (!isSound)
    return [{ fact: 'saved-dump', state: 'unread', why: `e2fsck cannot read the disk: ${replayed.why}` }];
  const found = await findDump(directory);
  if ('why' in found) return [{ fact: 'saved-dump', ...found }];
  const { path, bytes, finished } = found;
  const shared = { fact: 'saved-dump', path, bytes } as const;
  if (!finished)
    return [{ ...shared, state: 'unfinished', why: 'its service did not give it its final name' }];
  const mostBytes = mostOfDumpMiB(memoryMiB) * MIB;
  // The flattened form has 16 bytes for each piece.
  if (bytes > 2 * mostBytes)
    return [
      {
        ...shared,
        state: 'damaged',
        why: `it has ${bytes} bytes, more than the memory and what tells of it`,
      },
    ];
  const taken = await debugfs(['-R', `dump <${found.inode}> ${PART}`, SYSTEM_DISK], directory);
  if (!taken.ok) {
    await rm(join(directory, PART), { force: true });
    return [{ ...shared, state: 'unread', why: `debugfs: ${taken.why}` }];
  }
  if ((await stat(join(directory, PART)).catch(() => undefined))?.size !== bytes) {
    await rm(join(directory, PART), { force: true });
    return [{ ...shared, state: 'damaged', why: 'debugfs cannot read all of it' }];
  }
  const core = await keepCore(directory, bytes);
  if (core !== undefined)
    return core.whole
      ? [{ ...shared, state: 'whole', opened: await openedBy(directory, nonce) }]
      : [{ ...shared, state: 'damaged', why: 'segments of which it tells are not in it' }];
  const dump = await finishDump(directory, { part: PART, mostBytes });
  if ('why' in dump) return [{ ...shared, state: 'damaged', why: dump.why }];
  const names = await namesIn(directory);
  const kept: HostFact = {
    fact: 'vmcore-kept',
    source: 'distribution',
    file: VMCORE_FILE,
    format: 'kdump-compressed',
    bytes: dump.bytes,
    pages: dump.pages,
    level: dump.level,
    vmcoreinfo: dump.hasVmcoreinfo,
  };
  return [{ ...shared, state: 'whole', ...names, opened: await openedBy(directory, nonce) }, kept];
}

/**
 * Keeps an ELF core, a copy of /proc/vmcore: what kdump-tools saves when makedumpfile fails. Undefined when it is none. No
 * header of it has the crashed kernel's names.
 */
async function keepCore(directory: string, bytes: number): Promise<{ readonly whole: boolean } | undefined> {
  const part = join(directory, PART);
  const file = await open(part, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const start = await bytesAt(file, 0, HEADERS_BYTES);
    if (start.toString('latin1', 0, 4) !== '\x7fELF') return undefined;
    const loads = loadsOf(start);
    const whole = loads.length > 0 && loads.every(({ offset, sizeBytes }) => offset + sizeBytes <= bytes);
    await (whole ? rename(part, join(directory, VMCORE_FILE)) : rm(part));
    return { whole };
  } finally {
    await file.close();
  }
}

/** The newest dump on the disk; or why there is none, or why that is not known. */
async function findDump(
  directory: string,
): Promise<SavedFile | { readonly state: 'missing' | 'unread'; readonly why: string }> {
  const list = async (path: string) => {
    const listed = await debugfs(['-R', `ls -p ${path}`, SYSTEM_DISK], directory);
    return listed.ok ? readListing(listed.stdout) : listed;
  };
  const unread = (failed: { readonly why: string }) =>
    ({ state: 'unread', why: `debugfs: ${failed.why}` }) as const;
  const top = await list(CRASH_DIRECTORY);
  if ('why' in top) return unread(top);
  const directories = crashDirectories(top).slice(0, MOST_DIRECTORIES);
  for (const { inode, name } of directories) {
    const inside = await list(`<${inode}>`);
    if ('why' in inside) return unread(inside);
    const [dump] = dumpsIn(name, inside);
    if (dump !== undefined) return dump;
  }
  const why =
    directories.length === 0
      ? `${CRASH_DIRECTORY} holds no directory of a dump`
      : `no dump in ${CRASH_DIRECTORY}/${directories[0]?.name}`;
  return { state: 'missing', why };
}

async function namesIn(directory: string): Promise<Pick<SavedDumpFact, 'nodename' | 'release'>> {
  const file = await open(join(directory, VMCORE_FILE), constants.O_RDONLY);
  try {
    return namesOf(await bytesAt(file, 0, KDUMP_HEADERS_BYTES));
  } finally {
    await file.close();
  }
}

/** Has makedumpfile write the crashed kernel's log, and looks for this run's nonce and the panic in it. */
async function openedBy(directory: string, nonce: string): Promise<SavedDumpFact['opened']> {
  const log = join(directory, LOG);
  const version = await runTool(['makedumpfile', '-v'], { deadlineMs: TOOL_DEADLINE_MS });
  if (!version.ok) return { failed: escapeGuestText(`makedumpfile -v: ${version.why}`, 400) };
  const number = /^makedumpfile: version ([\w.~+-]{1,32})/m.exec(version.stdout)?.[1];
  const by = number === undefined ? 'makedumpfile' : `makedumpfile ${number}`;
  await rm(log, { force: true });
  const read = await runTool(['makedumpfile', '--dump-dmesg', VMCORE_FILE, LOG], {
    deadlineMs: TOOL_DEADLINE_MS,
    cwd: directory,
  });
  if (!read.ok) return { failed: escapeGuestText(`${by}: ${read.why}`, 400) };
  const { size } = await stat(log);
  const text = await head(log);
  const panic = /^.*Kernel panic - not syncing.*$/m.exec(text)?.[0];
  return {
    by,
    logBytes: size,
    nonce: text.includes(`crashpath: this run is ${nonce}`),
    ...(panic === undefined ? {} : { panic: escapeGuestText(panic, 150) }),
  };
}

async function head(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await file.stat();
    return (await bytesAt(file, 0, Math.min(size, MOST_LOG_BYTES))).toString('latin1');
  } finally {
    await file.close();
  }
}
