import { CRASH_PATH, PLACE_LABELS } from '../model/place.js';
import type { NmiMap } from './map.js';

/** The outcomes in one function, or one segment, of the crash path on both kernels. */
export interface GroupRow {
  readonly stage: string;
  readonly group: string;
  /** Ends in the order of the trace, without repetition; empty where nothing was probed or the function is absent. */
  readonly baseline: readonly string[];
  readonly candidate: readonly string[];
  readonly moved: boolean;
}

/** Two maps side by side. Names are stable within `schema` 1. */
export interface MapComparison {
  readonly schema: 1;
  readonly baseline: NmiMap;
  readonly candidate: NmiMap;
  readonly groups: readonly GroupRow[];
  /** True when a function that both have ends differently, or the number of windows differs. */
  readonly moved: boolean;
}

/** Compares two maps function by function: instructions have other offsets in every build. */
export function compareMaps(baseline: NmiMap, candidate: NmiMap): MapComparison {
  const [one, other] = [endsByGroup(baseline), endsByGroup(candidate)];
  const keys = mergeOrder([...one.keys()], [...other.keys()]);
  const groups = keys.map((key): GroupRow => {
    const [stage = '', group = ''] = key.split('\n');
    const [before, after] = [one.get(key) ?? [], other.get(key) ?? []];
    const both = before.length > 0 && after.length > 0;
    return {
      stage,
      group,
      baseline: before,
      candidate: after,
      moved: both && before.join() !== after.join(),
    };
  });
  const moved = groups.some((row) => row.moved) || baseline.windows.length !== candidate.windows.length;
  return { schema: 1, baseline, candidate, groups, moved };
}

function endsByGroup({ probed }: NmiMap): Map<string, string[]> {
  const ends = new Map<string, string[]>();
  for (const { stage, group, outcome } of probed) {
    const key = `${stage}\n${group}`;
    const list = ends.get(key) ?? [];
    if (list.at(-1) !== outcome.text) list.push(outcome.text);
    ends.set(key, list);
  }
  return ends;
}

/** Merges two orders, as far as they agree; a key of the second alone follows its predecessor there. */
function mergeOrder(first: readonly string[], second: readonly string[]): string[] {
  const merged = [...first];
  for (const [position, key] of second.entries()) {
    if (merged.includes(key)) continue;
    const before = second.slice(0, position).findLast((other) => merged.includes(other));
    merged.splice(before === undefined ? 0 : merged.indexOf(before) + 1, 0, key);
  }
  return merged.sort((one, other) => rankOf(one) - rankOf(other));
}

function rankOf(key: string): number {
  return CRASH_PATH.findIndex((place) => key.startsWith(`${PLACE_LABELS[place]}\n`));
}
