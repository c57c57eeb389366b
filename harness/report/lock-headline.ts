import {
  conclusionOf,
  HOLDER_CONCLUSIONS,
  type HolderConclusion,
  keyOf,
  type LockComparison,
  type LockMap,
} from '../sweep/crash-locks/map.js';
import { HOLDERS } from '../sweep/crash-locks/script.js';
import type { LockTable } from '../sweep/crash-locks/table.js';
import { countOf } from './words.js';

/** What maps of locks say, as one sentence: `1 lock fatal, confirmed; 5 fatal if held; map complete`. */
export function locksHeadline({
  maps,
  comparison,
  table,
}: {
  readonly maps: readonly LockMap[];
  readonly comparison?: LockComparison | undefined;
  readonly table?: LockTable | undefined;
}): string {
  if (comparison !== undefined)
    return `${comparison.moved ? 'The maps differ' : 'Nothing moved between the maps'}; ${completeText(maps)}`;
  const counts = new Map(HOLDER_CONCLUSIONS.map((word) => [word, countWith(maps, word)]));
  const fatal = counts.get('fatal') ?? 0;
  const held = counts.get('fatal-if-held') ?? 0;
  const unexplained = counts.get('not-shown') ?? 0;
  const parts = [
    ...(fatal === 0 ? [] : [`${countOf(fatal, 'lock')} fatal, confirmed`]),
    ...(held === 0 ? [] : [`${fatal === 0 ? countOf(held, 'lock') : held} fatal if held`]),
    ...(fatal + held === 0 ? ['No lock is shown to be fatal'] : []),
    ...(unexplained === 0 ? [] : [`${unexplained} not captured, the cause not shown`]),
  ];
  const where = table === undefined ? '' : ` in ${countOf(table.variants.length, 'variant')}`;
  return `${parts.join('; ')}${where}; ${completeText(maps)}`;
}

/** Locks of a conclusion in any map, each once: with the worse of its holders. */
function countWith(maps: readonly LockMap[], wanted: HolderConclusion): number {
  const worst = new Map<string, number>();
  for (const lock of maps.flatMap(({ locks }) => locks)) {
    const key = keyOf(lock);
    const ranks = HOLDERS.map((holder) => HOLDER_CONCLUSIONS.indexOf(conclusionOf(lock, holder)));
    worst.set(key, Math.min(worst.get(key) ?? HOLDER_CONCLUSIONS.length, ...ranks));
  }
  return [...worst.values()].filter((rank) => HOLDER_CONCLUSIONS[rank] === wanted).length;
}

function completeText(maps: readonly LockMap[]): string {
  const open = maps.filter(({ complete }) => !complete).length;
  if (maps.length <= 1) return open === 0 ? 'map complete' : 'map NOT COMPLETE';
  return open === 0 ? 'all maps complete' : `${open} of ${maps.length} maps NOT COMPLETE`;
}
