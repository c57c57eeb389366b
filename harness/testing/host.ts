/** Capabilities of this host; a test that lacks one is skipped with the reason. */
import { accessSync, constants } from 'node:fs';
import which from 'which';

/** Why images cannot be built on this host; false when they can. */
export function hostLacksPrograms(): string | false {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const missing = ['busybox', 'kexec', 'ldd'].filter(
    (name) => which.sync(name, { path, nothrow: true }) === null,
  );
  return missing.length === 0 ? false : `not installed: ${missing.join(', ')}`;
}

/** True when a folder exists and can be written. */
export function canWrite(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
