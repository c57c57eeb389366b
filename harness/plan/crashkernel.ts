/**
 * The values of `crashkernel=` (Documentation/admin-guide/kdump/kdump.rst). No schemas here: the command line uses this,
 * and must not load a schema library for it.
 */

const SIZE = String.raw`\d{1,12}[KMGT]`;
const AT = `(?:@${SIZE})?`;
const RANGE = String.raw`(?:0|${SIZE})-(?:${SIZE})?:(?:0|${SIZE})`;

/** `192M`, `256M@64M`. */
const PLAIN = new RegExp(`^${SIZE}${AT}$`);
/** `512M-2G:64M,2G-:128M@16M`: the size depends on the machine's memory. */
const RANGES = new RegExp(`^${RANGE}(?:,${RANGE})*${AT}$`);
/** `1G,high`, `72M,low`, `64M,cma`. */
const SUFFIXED = new RegExp(`^(${SIZE}),(high|low|cma)$`);

/** What a user may write, in words. */
export const CRASHKERNEL_FORMS =
  '192M, 256M@64M, 512M-2G:64M,2G-:128M, 1G,high, or several with a blank between: "1G,high 72M,low"';

/**
 * Why the kernel would not reserve what a value asks for; undefined when it can. The value is one of the kernel's forms,
 * or several with blanks between them, each of which becomes a `crashkernel=`.
 */
export function mistakeInCrashkernel(text: string): string | undefined {
  const values = text.split(' ').filter((value) => value !== '');
  if (values.length === 0) return 'it is empty';
  if (values.includes('auto')) {
    return 'auto is known to kernels of some distributions only (RHEL 6 to 8); for one of them give --append crashkernel=auto, else a size';
  }
  const wrong = values.find((value) => !PLAIN.test(value) && !RANGES.test(value) && !SUFFIXED.test(value));
  if (wrong !== undefined) return `${wrong === text ? 'it' : `"${wrong}"`} is not a size such as 192M`;
  const suffixes = values.map((value) => SUFFIXED.exec(value)?.[2] ?? 'none');
  if (new Set(suffixes).size < suffixes.length) {
    return 'the kernel takes only the last of several values of one kind';
  }
  // arch/x86/kernel/setup.c, reserve_crashkernel(), v6.1: the others are not looked at then.
  if (suffixes.includes('none') && (suffixes.includes('high') || suffixes.includes('low'))) {
    return 'the kernel ignores ,high and ,low next to a value without them';
  }
  if (suffixes.includes('low') && !suffixes.includes('high')) return 'a size with ,low needs one with ,high';
  if (suffixes.includes('cma') && suffixes.length === 1) return 'a size with ,cma needs one without';
  return undefined;
}

/** The words of a reservation on the kernel's command line. */
export function crashkernelWords(value: string): string[] {
  return value
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => `crashkernel=${part}`);
}

/**
 * Bytes that `crashkernel=` values of plain, high and low form ask for together; undefined for other forms, whose size
 * the kernel decides (and for `high` alone, to which it adds low memory by itself).
 */
export function bytesAskedFor(values: readonly string[]): bigint | undefined {
  let sum = 0n;
  const suffixes = new Set<string>();
  for (const value of values) {
    const suffixed = SUFFIXED.exec(value);
    if (suffixed?.[2] === 'cma' || (suffixed === null && !PLAIN.test(value))) return undefined;
    suffixes.add(suffixed?.[2] ?? 'none');
    sum += sizeOf(suffixed?.[1] ?? value.replace(/@.*/, ''));
  }
  if (values.length === 0 || (suffixes.has('high') && !suffixes.has('low'))) return undefined;
  return sum;
}

function sizeOf(text: string): bigint {
  return BigInt(text.slice(0, -1)) << BigInt(10 * (1 + 'KMGT'.indexOf(text.slice(-1))));
}
