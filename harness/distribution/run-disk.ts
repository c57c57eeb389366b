import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ToolResult, runTool } from '../kernel/tool.js';
import type { Distribution } from '../model/distribution.js';
import { harnessFault } from '../model/fault.js';
import { SYSTEM_DISK } from '../plan/guest-spec.js';

/** The package's images/ folder; compiled code and source lie at the same depth below the root. */
const INIT_DIR = fileURLToPath(new URL('../../images/init/', import.meta.url));
const COPY_DEADLINE_MS = 10 * 60_000;
const DEBUGFS_DEADLINE_MS = 60_000;
const SCRIPT = 'system.debugfs';

/** What is put into the disk of a run: crashpath's half of the control channel, and the unit that starts it. */
const AGENT = '/usr/lib/crashpath';
const UNIT = '/etc/systemd/system/crashpath.service';
const WANTS = '/etc/systemd/system/multi-user.target.wants';

/**
 * Makes the disk of a run: a copy of the distribution's, to which debugfs adds what speaks with crashpath; nothing else of
 * it is changed, no root is needed, and nothing is mounted. Throws a harness fault.
 */
export async function makeRunDisk({ spec, disk }: Distribution, directory: string): Promise<void> {
  const refuse = (why: string) =>
    harnessFault(`cannot make the disk of ${spec} in "${directory}": ${why}; make room, or build it again`);
  const copied = await runTool(['cp', '--reflink=auto', '--sparse=always', disk, SYSTEM_DISK], {
    deadlineMs: COPY_DEADLINE_MS,
    cwd: directory,
  });
  if (!copied.ok) throw refuse(copied.why);
  const names = { agent: 'distribution', lib: 'lib.sh', unit: 'distribution.service' };
  const script = [
    `mkdir ${AGENT}`,
    ...[names.agent, names.lib].map((name) => `write ${name} ${AGENT}/${name}`),
    `write ${names.unit} ${UNIT}`,
    `mkdir ${WANTS}`,
    `symlink ${WANTS}/crashpath.service ${UNIT}`,
  ];
  try {
    for (const name of Object.values(names)) await copyFile(join(INIT_DIR, name), join(directory, name));
    await writeFile(join(directory, SCRIPT), `${script.join('\n')}\n`);
    const put = await debugfs(['-w', '-f', SCRIPT, SYSTEM_DISK], directory);
    if (!put.ok) throw refuse(put.why);
    // debugfs ends with 0 whatever a command of the script did.
    const link = await debugfs(['-R', `stat ${WANTS}/crashpath.service`, SYSTEM_DISK], directory);
    if (!link.ok || !link.stdout.includes('Type: symlink')) throw refuse('debugfs could not write to it');
  } finally {
    for (const name of [...Object.values(names), SCRIPT]) await rm(join(directory, name), { force: true });
  }
}

/** Removes the disk of a run. */
export async function removeRunDisk(directory: string): Promise<void> {
  await rm(join(directory, SYSTEM_DISK), { force: true });
}

/** Runs debugfs(8) of e2fsprogs in a run directory, without its pager. */
export function debugfs(args: readonly string[], directory: string): Promise<ToolResult> {
  return runTool(['debugfs', ...args], {
    deadlineMs: DEBUGFS_DEADLINE_MS,
    cwd: directory,
    environment: { LC_ALL: 'C', DEBUGFS_PAGER: '__none__', PATH: withSbin() },
  });
}

/** PATH with the folders of file system tools, which an ordinary user of Debian does not have. */
export function withSbin(): string {
  return `${process.env['PATH'] ?? '/usr/bin:/bin'}:/usr/sbin:/sbin`;
}
