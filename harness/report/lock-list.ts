import { callerOf } from '../sweep/crash-locks/locks.js';
import { isFatal, isUnexplained, keyOf, type LockMap, type MappedLock } from '../sweep/crash-locks/map.js';
import type { VariantMap } from '../sweep/crash-locks/table.js';
import { HOLDERS } from '../sweep/crash-locks/script.js';
import { flagNotes } from './atomics-text.js';
import { confirmationText, holderText } from './lock-words.js';
import { safeName } from './words.js';

/** A lock that prevents the dump, or may do so, with one holder in one map. */
interface ListedLock {
  readonly variant: string | undefined;
  readonly lock: MappedLock;
  /** `FATAL IF HELD`. */
  readonly word: string;
  /** `held by a stopped CPU`. */
  readonly by: string;
  readonly confirmation: string | undefined;
}

/**
 * The locks that prevent the dump, each with what is known of it, and those whose runs have no dump for a reason that is not
 * shown. Several maps: alike lines are one, which names the variants. Pure.
 */
export function lockListLines(maps: readonly (Pick<VariantMap, 'map'> & Partial<VariantMap>)[]): string[] {
  const listed = maps.flatMap(({ variant, map }) =>
    map.locks.flatMap((lock) => listedOf(lock, map, variant)),
  );
  const groups = groupBy(listed, ({ lock, word, by }) => JSON.stringify([keyOf(lock), word, by]));
  const fatal = groups.filter(([{ word }]) => word !== UNEXPLAINED);
  const rest = groups.filter(([{ word }]) => word === UNEXPLAINED);
  return [
    ...(fatal.length === 0 ? ['no lock is shown to be fatal when it is held'] : []),
    ...[...fatal, ...rest].flatMap((group) => groupLines(group, maps.length)),
  ];
}

const UNEXPLAINED = 'NOT CAPTURED, and not shown to be this lock,';

function listedOf(lock: MappedLock, map: LockMap, variant: string | undefined): ListedLock[] {
  return HOLDERS.flatMap((holder): ListedLock[] => {
    const end = lock.held[holder];
    const fatal = isFatal(end) === true;
    if (!fatal && !isUnexplained(end)) return [];
    if (holder === 'itself' && isOneRun(lock)) return [];
    const confirmation = fatal ? lock.confirmed[holder] : undefined;
    const word = !fatal ? UNEXPLAINED : confirmation?.end === 'confirmed' ? 'FATAL' : 'FATAL IF HELD';
    return [
      {
        ...{ variant, lock, word, by: holderText(lock, holder) },
        confirmation: confirmation && confirmationText(confirmation, { holder, context: map.context }),
      },
    ];
  });
}

/** Set before the panic, a word that names no owner is the same whoever holds it. */
function isOneRun({ early, ownerless, held: { another, itself } }: MappedLock): boolean {
  if (early !== true || ownerless !== true) return false;
  return 'runId' in another && 'runId' in itself && another.runId === itself.runId;
}

type Group = readonly [ListedLock, ...ListedLock[]];

function groupBy(items: readonly ListedLock[], keyOfItem: (item: ListedLock) => string): Group[] {
  const groups = new Map<string, [ListedLock, ...ListedLock[]]>();
  for (const item of items) {
    const group = groups.get(keyOfItem(item));
    if (group === undefined) groups.set(keyOfItem(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

function groupLines(group: Group, maps: number): string[] {
  const [{ lock, word, by }] = group;
  const callers = [...new Set(group.flatMap(({ lock: { sites } }) => sites.map((site) => callerOf(site))))];
  const what = `${safeName(lock.name)} (${lock.kind})`;
  const taken = word === UNEXPLAINED ? '' : `, taken in ${callers.map(safeName).join(', ')}`;
  const head =
    word === UNEXPLAINED
      ? `${word} ${by}: ${what}`
      : by.startsWith(HELD)
        ? `${word} ${by.slice(HELD.length)}: ${what}${taken}`
        : `${word}: ${what}, ${by}, ${taken.replace(/^, /, '')}`;
  const confirmations = linesByVariant(group, maps);
  const notes = word === UNEXPLAINED ? [] : [...new Set(group.flatMap((one) => flagNotes(one.lock)))];
  return [`${head}${whereText(group, maps)}`, ...[...confirmations, ...notes].map((line) => `  ${line}`)];
}

/** `held by a CPU` -> `by a CPU`. */
const HELD = 'held ';

/** `; in every variant`, `; in irq, task`; nothing of a map without variants. */
function whereText(group: Group, maps: number): string {
  const names = group.flatMap(({ variant }) => variant ?? []);
  if (names.length === 0) return '';
  return `; in ${names.length === maps ? 'every variant' : names.map(safeName).join(', ')}`;
}

function linesByVariant(group: Group, maps: number): string[] {
  const texts = [...new Set(group.flatMap(({ confirmation }) => confirmation ?? []))];
  return texts.map((text) => {
    const names = group.flatMap(({ variant, confirmation }) =>
      variant !== undefined && confirmation === text ? [safeName(variant)] : [],
    );
    return names.length === 0 || names.length === maps ? text : `${names.join(', ')}: ${text}`;
  });
}
