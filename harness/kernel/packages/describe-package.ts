import { open } from 'node:fs/promises';
import { errnoOf } from '../../model/errno.js';
import { runTool } from '../tool.js';
import { type RpmHeader, readRpmHeader, RPM_HEAD_BYTES } from './rpm-header.js';
import { BadPackage } from './unpack-package.js';

const FIELDS_DEADLINE_MS = 30_000;
/** Names of architectures whose kernels run here, of Debian and of rpm, and of packages for all. */
const X86 = /^(?:amd64|x86_64(?:_v\d)?|i[3-6]86|all|noarch)$/;

/** What a package says of itself. */
export type PackageFields = Pick<RpmHeader, 'name' | 'version'>;

/**
 * Name and version of a package file. Throws {@link BadPackage} for one that cannot be read, or is for another
 * architecture, {@link DpkgMissing}, file system errors, and the signal's reason.
 */
export async function describePackage(path: string, signal: AbortSignal | undefined): Promise<PackageFields> {
  const { arch, ...fields } = path.endsWith('.rpm') ? await ofRpm(path) : await ofDeb(path, signal);
  if (X86.test(arch)) return fields;
  throw new BadPackage(`it is for ${arch}, and guests here are x86`);
}

/** dpkg-deb does not exist on this host. */
export class DpkgMissing extends Error {}

async function ofDeb(path: string, signal: AbortSignal | undefined): Promise<RpmHeader> {
  const format = '--showformat=${Package} ${Version} ${Architecture}';
  const shown = await runTool(['dpkg-deb', format, '--show', '--', path], {
    deadlineMs: FIELDS_DEADLINE_MS,
    signal,
  });
  if (!shown.ok) throw shown.missing ? new DpkgMissing() : new BadPackage(shown.why);
  const [name = '', version = '', arch = ''] = shown.stdout.trim().split(' ');
  return { name, version, arch };
}

async function ofRpm(path: string): Promise<RpmHeader> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(Math.min(size, RPM_HEAD_BYTES));
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    return readRpmHeader(head.subarray(0, bytesRead));
  } catch (error) {
    if (errnoOf(error) !== undefined) throw error;
    throw new BadPackage(error instanceof Error ? error.message : 'it is damaged');
  } finally {
    await file.close();
  }
}
