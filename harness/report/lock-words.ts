import type { Confirmation } from '../sweep/crash-locks/confirm.js';
import { type Context, CONTEXT_WORDS } from '../sweep/crash-locks/contexts.js';
import { type HeldEnd, isFatal, isUnexplained, type MappedLock } from '../sweep/crash-locks/map.js';
import type { Holder } from '../sweep/crash-locks/script.js';
import { countOf, safeName } from './words.js';

/** What decides the words for a lock's holder: when its word is taken, and whether that names the owner. */
export type HeldLock = Pick<MappedLock, 'early' | 'ownerless'>;

/** Who holds a lock, in a sentence; of a word without an owner in it, when crashpath sets it. */
export function holderText({ early, ownerless }: HeldLock, holder: Holder): string {
  if (ownerless === true)
    return early === true || holder === 'itself'
      ? 'set before the panic, as an owner leaves it'
      : 'set right before the shootdown, as an owner leaves it';
  if (holder === 'itself') return 'held by the panicking CPU';
  return early === true ? 'held by another CPU, which does not run' : 'held by a stopped CPU';
}

/** The same in a table's column, of a lock in several maps: what is true in each of them. */
export function holderWord(locks: readonly HeldLock[], holder: Holder): string {
  const words = new Set(
    locks.map(({ early, ownerless }) => {
      if (ownerless === true)
        return early === true || holder === 'itself' ? 'set before panic' : 'set at shootdown';
      if (holder === 'itself') return 'the panicking CPU';
      return early === true ? 'a frozen CPU' : 'a stopped CPU';
    }),
  );
  const [only] = words;
  if (only !== undefined && words.size === 1) return only;
  return holder === 'itself' ? 'the panicking CPU' : 'another CPU';
}

/** What a table's words for holders mean, those of `words` that are not plain. */
export function holderLegend(words: readonly string[]): string[] {
  const meant = new Map([
    [
      'a frozen CPU',
      'another CPU that does not run: the flag is taken before the shootdown, and an owner that ran would give it back',
    ],
    ['another CPU', 'a stopped CPU, or one that does not run, by the crash path'],
    ['set before panic', 'by crashpath, as an owner leaves it: the word does not say who that is'],
    ['set at shootdown', 'the same, right before the other CPUs are stopped'],
  ]);
  return [...meant].flatMap(([word, meaning]) => (words.includes(word) ? [`${word}: ${meaning}`] : []));
}

/** How a lock's run ended, for people. */
export function endText(end: HeldEnd): string {
  if (end.end === 'not taken') return '- not taken then';
  if (end.end === 'no name') return 'unknown: it has no name';
  if (end.end === 'one CPU') return '- one CPU only';
  if (end.end === 'not in NMI') return 'unknown: cannot be taken in an NMI';
  if (end.end === 'not run') return 'NOT RUN';
  if (!('text' in end)) return end.end;
  return isUnexplained(end) ? `${safeName(end.text)}, not shown to be this lock` : safeName(end.text);
}

/** The same in the cell of a lock whose holder the column does not name: `hang: spin, frozen owner`. */
export function endOfText(lock: HeldLock & Pick<MappedLock, 'held'>, holder: Holder): string {
  const end = lock.held[holder];
  const text = endText(end);
  if (!('text' in end) || end.end === 'captured') return text;
  if (lock.ownerless === true) return `${text}, no owner`;
  return lock.early === true && holder === 'another' ? `${text}, frozen owner` : text;
}

/** A lock's name, and whether others have it. */
export function lockText({ name, addresses = 1 }: Pick<MappedLock, 'name' | 'addresses'>): string {
  return addresses === 1 ? safeName(name) : `${safeName(name)} (${addresses} locks: the first is held)`;
}

/** Whether the lock is shown to prevent the dump, whoever holds it. */
export function isFatalLock({ held }: Pick<MappedLock, 'held'>): boolean {
  return isFatal(held.another) === true || isFatal(held.itself) === true;
}

/** Whether a CPU comes to hold the lock by itself, and what becomes of the crash then. */
export function confirmationText(
  { end, takers, tried }: Confirmation,
  { holder, context }: { readonly holder: Holder; readonly context: Context },
): string {
  const calls = `${countOf(takers.length, 'call')} in the text ${takers.length === 1 ? 'takes' : 'take'} it`;
  const last = tried.at(-1);
  const where = panicsIn(context);
  switch (end) {
    case 'confirmed': {
      const does = holder === 'another' ? 'was stopped with it held' : `panicked with it held, ${where}`;
      return `confirmed: a CPU that came to ${safeName(last?.in ?? '')} by itself (${last?.stimulus}) ${does}: ${endText(last?.outcome ?? { end: 'not run' })}, ${last?.outcome.runId}; ${calls}`;
    }
    case 'harmless there':
    case 'not shown':
    case 'not reached': {
      const ends = tried.map(({ in: place, outcome }) => `${safeName(place)}: ${endText(outcome)}`);
      const by = holder === 'another' ? '' : `a CPU that came there by itself panicked ${where}: `;
      return `not confirmed: ${by}${ends.join('; ')}; ${calls}`;
    }
    case 'no stimulus':
      return `not confirmed: no stimulus leads to a call that takes it; ${calls}: ${functionsIn(takers)}`;
    case 'no taker':
      return 'not confirmed: no call in the text takes it by its address';
    case 'not searched':
      return 'not confirmed: it is allocated or of each CPU, and the calls that take it are not searched';
    case 'not run':
      return 'NOT RUN: whether a CPU comes to hold it by itself';
  }
}

/** A CPU that comes by itself panics where it is, and not in the context of the map. */
function panicsIn(context: Context): string {
  return context === 'nmi'
    ? 'in an NMI'
    : `in the context of that place, which need not be ${CONTEXT_WORDS[context]}`;
}

const MOST_FUNCTIONS = 8;

function functionsIn(takers: Confirmation['takers']): string {
  const names = [...new Set(takers.map(({ in: inside }) => safeName(inside)))];
  const more = names.length - MOST_FUNCTIONS;
  return `${names.slice(0, MOST_FUNCTIONS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
