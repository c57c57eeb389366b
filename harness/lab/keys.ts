import { readFile, stat } from 'node:fs/promises';
import { writeWhole } from '../cache/write-whole.js';
import { type PackageTree, treeCommand } from '../kernel/debian/package-tree.js';
import { runTool, type ToolResult } from '../kernel/tool.js';
import { harnessFault } from '../model/fault.js';
import { type LabPaths, labName, type Vendor } from './lab-directory.js';

const KEYGEN_DEADLINE_MS = 30_000;

/**
 * Makes the lab's keys, which live as long as its directory: one to log in, one of the host. Writes known_hosts and an
 * ssh_config that names key, port and known_hosts. Throws harness faults.
 */
export async function makeKeys(
  paths: LabPaths,
  { host, port, vendor }: { readonly host: PackageTree; readonly port: number; readonly vendor: Vendor },
): Promise<void> {
  for (const file of [paths.key, paths.hostKey]) {
    if (await stat(file).then(Boolean, () => false)) continue;
    const words = ['-q', '-t', 'ed25519', '-N', '', '-C', labName(vendor), '-f', file];
    const made = await runTool([...treeCommand(host, '/usr/bin/ssh-keygen'), ...words], {
      deadlineMs: KEYGEN_DEADLINE_MS,
      name: 'ssh-keygen',
    });
    if (!made.ok) throw harnessFault(`cannot make key "${file}": ${made.why}; check the disk`);
  }
  const [type, key] = (await readFile(`${paths.hostKey}.pub`, 'utf8')).split(' ');
  await writeWhole(paths.knownHosts, `[127.0.0.1]:${port} ${type} ${key}\n`, { mode: 0o600 });
  await writeWhole(paths.sshConfig, sshConfig(paths, { port, vendor }), { mode: 0o600 });
}

/** The lab stands still for up to a minute while its guest is in purgatory. */
function sshConfig(paths: LabPaths, { port, vendor }: { port: number; vendor: Vendor }): string {
  return `Host ${labName(vendor)}
  HostName 127.0.0.1
  Port ${port}
  User root
  IdentityFile "${paths.key}"
  IdentitiesOnly yes
  UserKnownHostsFile "${paths.knownHosts}"
  StrictHostKeyChecking yes
  ConnectTimeout 120
  ServerAliveInterval 10
  ServerAliveCountMax 30
`;
}

/** The ssh client with the lab's configuration alone; the host's own words follow. */
export function sshCommand(paths: LabPaths, vendor: Vendor): [string, ...string[]] {
  return ['ssh', '-F', paths.sshConfig, labName(vendor)];
}

/** Runs a command in the lab. */
export async function inLab(
  paths: LabPaths,
  vendor: Vendor,
  { command, deadlineMs }: { readonly command: string; readonly deadlineMs: number },
): Promise<ToolResult> {
  const [file, ...words] = sshCommand(paths, vendor);
  return await runTool([file, '-o', 'BatchMode=yes', ...words, command], { deadlineMs, name: 'ssh' });
}
