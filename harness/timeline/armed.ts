import type { AddressRange, Armed } from '../model/event.js';
import { parseTimers } from './timers.js';

/**
 * What kexec prints besides an error: the segments of a load that the kernel refused, and with -d what it places where
 * (kexec-tools 2.0.25, kexec/kexec.c, my_load(), and kexec/arch/i386/kexec-bzImage.c).
 */
const NO_ERROR = /^(segment\[\d{1,2}\]\.|nr_segments = |entry +=|Loaded .* at |kernel init_size )/;

/**
 * Parses the first init's report of `kexec -p`: `key=value` lines (status, loaded, size, kernel, initrd; range, error and
 * log may be repeated) and the segment lines that `kexec -d` prints (kexec-tools 2.0.25, kexec/kexec.c,
 * print_segments()).
 */
export function parseArmed(report: string): Armed {
  const values = new Map<string, string>();
  const errors: string[] = [];
  const kernelLog: string[] = [];
  const ranges: AddressRange[] = [];
  const memory = new Map<string, bigint>();
  const segments: AddressRange[] = [];
  let entry: bigint | undefined;
  for (const line of report.split('\n')) {
    const segment = /^segment\[(\d{1,2})\]\.(mem|memsz) *= 0x([0-9a-f]{1,16})$/.exec(line);
    if (segment?.[1] !== undefined && segment[3] !== undefined) {
      const value = BigInt(`0x${segment[3]}`);
      const first = memory.get(segment[1]);
      if (segment[2] === 'mem') memory.set(segment[1], value);
      else if (first !== undefined && value > 0n) segments.push({ first, last: first + value - 1n });
      continue;
    }
    const entered = /^kexec_load: entry = 0x([0-9a-f]{1,16}) /.exec(line);
    if (entered?.[1] !== undefined) {
      entry = BigInt(`0x${entered[1]}`);
      continue;
    }
    const pair = /^([a-z]+)=(.*)$/.exec(line);
    if (pair?.[1] === undefined || pair[2] === undefined) continue;
    const [, key, value] = pair;
    if (key === 'error') {
      if (!NO_ERROR.test(value)) errors.push(value);
    } else if (key === 'log') kernelLog.push(value);
    else if (key === 'range') {
      const range = parseRange(value);
      if (range !== undefined) ranges.push(range);
    } else values.set(key, value);
  }
  return {
    status: decimal(values.get('status')) ?? -1,
    loaded: values.get('loaded') === '1',
    ...(values.get('loaded') === '' ? { withoutKexec: true } : {}),
    crashSize: BigInt(decimal(values.get('size')) ?? 0),
    ranges,
    ...(values.has('ram') ? { ram: parseRanges(values.get('ram') ?? '') } : {}),
    segments,
    purgatory: entry === undefined ? undefined : segments.find((segment) => contains(segment, entry)),
    errors,
    ...(kernelLog.length === 0 ? {} : { kernelLog }),
    ...sizes(values),
    ...(values.has('patterns') ? { patterns: decimal(values.get('patterns')) } : {}),
    ...(values.has('clocksource') ? { timers: parseTimers(report) } : {}),
  };
}

/** True when `address` lies in one of the ranges that are reserved for the crash kernel. */
export function isReserved({ ranges }: Pick<Armed, 'ranges'>, address: bigint): boolean {
  return ranges.some((range) => contains(range, address));
}

/** Bytes of all ranges together. */
export function bytesOf(ranges: readonly AddressRange[]): bigint {
  return ranges.reduce((sum, { first, last }) => sum + last - first + 1n, 0n);
}

/** True when `address` lies in `range`, both ends included. */
export function contains(range: AddressRange, address: bigint): boolean {
  return address >= range.first && address <= range.last;
}

function sizes(values: ReadonlyMap<string, string>): Pick<Armed, 'loads'> {
  const kernel = decimal(values.get('kernel'));
  const initrd = decimal(values.get('initrd'));
  return kernel === undefined || initrd === undefined ? {} : { loads: { kernel, initrd } };
}

function decimal(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** A line of /proc/iomem: `1d000000-28ffffff : Crash kernel`. */
function parseRange(text: string | undefined): AddressRange | undefined {
  const match = /^([0-9a-f]{1,16})-([0-9a-f]{1,16}) : Crash kernel$/i.exec(text ?? '');
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { first: BigInt(`0x${match[1]}`), last: BigInt(`0x${match[2]}`) };
}

/** Ranges as `system_ram` of images/init/lib.sh lists them, `1000-9fbff,100000-2fffffff,`; others are left out. */
export function parseRanges(text: string): AddressRange[] {
  return text.split(',').flatMap((item) => {
    const match = /^([0-9a-f]{1,13})-([0-9a-f]{1,13})$/.exec(item);
    return match?.[1] === undefined || match[2] === undefined
      ? []
      : [{ first: BigInt(`0x${match[1]}`), last: BigInt(`0x${match[2]}`) }];
  });
}
