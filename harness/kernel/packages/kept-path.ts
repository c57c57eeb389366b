import { isRelease } from '../bzimage.js';

/** Files of `boot/` that belong to a kernel. */
const IN_BOOT = /^(?:vmlinuz|config|System\.map)-./;
/** Names inside of a module tree: printable, so that no message and no path is surprised. */
const NAME = /^[\x21-\x7e]{1,255}$/;
/** Directories beside the modules which are no part of a running kernel: sources, vDSOs with debug symbols. */
const NOT_KEPT = new Set(['build', 'source', 'vdso']);

/**
 * Where a package's file is kept: `boot/vmlinuz-<release>`, `lib/modules/<release>/...`; undefined for a file that
 * belongs to no kernel. Throws an Error for a path that leaves the package. Pure.
 */
export function keptPath(name: string): string | undefined {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw new Error('it holds a path that leaves it');
  if (parts[0] === 'usr' && parts[1] === 'lib') parts.shift();
  const [top, second = '', third = ''] = parts;
  if (!parts.every((part) => NAME.test(part))) return undefined;
  if (top === 'boot' && parts.length === 2 && IN_BOOT.test(second)) return parts.join('/');
  if (top !== 'lib' || second !== 'modules' || parts.length < 4) return undefined;
  return isRelease(third) && !NOT_KEPT.has(parts[3] ?? '') ? parts.join('/') : undefined;
}
