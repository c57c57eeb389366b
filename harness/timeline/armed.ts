import type { AddressRange, Armed } from '../model/event.js';
import { parseTimers } from './timers.js';

/**
 * Parses the first init's report of `kexec -p`: `key=value` lines (status, loaded, size, range, error) and the segment
 * lines that `kexec -d` prints (kexec-tools 2.0.25, kexec/kexec.c, print_segments()).
 */
export function parseArmed(report: string): Armed {
  const values = new Map<string, string>();
  const errors: string[] = [];
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
    if (pair[1] === 'error') errors.push(pair[2]);
    else values.set(pair[1], pair[2]);
  }
  return {
    status: decimal(values.get('status')) ?? -1,
    loaded: values.get('loaded') === '1',
    crashSize: BigInt(decimal(values.get('size')) ?? 0),
    range: parseRange(values.get('range')),
    segments,
    purgatory: entry === undefined ? undefined : segments.find((segment) => contains(segment, entry)),
    errors,
    ...(values.has('patterns') ? { patterns: decimal(values.get('patterns')) } : {}),
    ...(values.has('clocksource') ? { timers: parseTimers(report) } : {}),
  };
}

/** True when `address` lies in `range`, both ends included. */
export function contains(range: AddressRange, address: bigint): boolean {
  return address >= range.first && address <= range.last;
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
