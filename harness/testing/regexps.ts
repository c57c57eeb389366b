/** For tests: which patterns code uses, and whether one of them may take more than a line's length of steps. */
import { type AST, RegExpParser } from '@eslint-community/regexpp';

/** The patterns that are executed while `work` runs, by `test`, `exec`, `replace` and the like. */
export function usedPatterns(work: () => void): RegExp[] {
  const used = new Map<string, RegExp>();
  whileExecuting((pattern) => used.set(String(pattern), pattern), work);
  return [...used.values()];
}

/** How many times a pattern is executed while `work` runs: its work, whatever the host. */
export function executionsOf(work: () => void): number {
  let count = 0;
  whileExecuting(() => (count += 1), work);
  return count;
}

function whileExecuting(onPattern: (pattern: RegExp) => void, work: () => void): void {
  const prototype: object = RegExp.prototype;
  const own = Object.getOwnPropertyDescriptor(prototype, 'exec') ?? {};
  // `test`, `replace`, `match` and `split` call it when it is not the engine's own.
  function record(this: RegExp, text: string): unknown {
    onPattern(this);
    return Reflect.apply(own.value, this, [text]);
  }
  Object.defineProperty(prototype, 'exec', { ...own, value: record });
  try {
    work();
  } finally {
    Object.defineProperty(prototype, 'exec', own);
  }
}

/** A bounded repetition may be tried so many times at each place. */
const MOST_TRIES = 1_024;
const ALL = Array.from({ length: 256 }, (_none, code) => String.fromCharCode(code));
type Chars = ReadonlySet<string>;
const LINE_ENDS = 2;
const NONE: Chars = new Set();

/**
 * Why a pattern may backtrack more than its text is long; undefined when it cannot: each unbounded repetition is one of
 * characters, ends at a character that is none of them, and begins behind a character that is none of them either, so that
 * no two attempts go over the same text. A repetition at the end of the pattern cannot fail.
 */
export function whyNotLinear({ source, flags }: RegExp): string | undefined {
  const { alternatives } = new RegExpParser().parsePattern(source, 0, source.length, flags.includes('u'));
  return alternatives.map((one) => whyIn(one.elements, [], [])).find((why) => why !== undefined);
}

type Elements = readonly AST.Element[];

/** `before`: what precedes, the nearest last; `after`: what follows. */
function whyIn(elements: Elements, before: Elements, after: Elements): string | undefined {
  for (const [at, element] of elements.entries()) {
    const [behind, ahead] = [
      [...before, ...elements.slice(0, at)],
      [...elements.slice(at + 1), ...after],
    ];
    const why = whyOf(element, behind, ahead);
    if (why !== undefined) return why;
  }
  return undefined;
}

function whyOf(element: AST.Element, before: Elements, after: Elements): string | undefined {
  if (element.type === 'Group' || element.type === 'CapturingGroup')
    return element.alternatives.map((one) => whyIn(one.elements, before, after)).find(isWhy);
  if (element.type === 'Assertion' && 'alternatives' in element)
    return element.alternatives.map((one) => whyIn(one.elements, before, [])).find(isWhy);
  if (element.type !== 'Quantifier') return undefined;
  const { max, element: repeated, raw } = element;
  if (max < Number.POSITIVE_INFINITY) {
    if (max > MOST_TRIES) return `"${raw}" may be tried ${max} times`;
    // Round after round, it follows itself.
    const again = max > 1 ? [element] : [];
    return whyOf(repeated, [...before, ...again], [...again, ...after]);
  }
  if (!isCharacter(repeated)) return `"${raw}" repeats a group without a bound`;
  const chars = charsOf(repeated.raw);
  if (cannotFail(after, chars)) return undefined;
  if (meet(chars, borderOf(after, 'first'))) return `what follows "${raw}" may begin inside of it`;
  if (before.every(isNullable)) return `"${raw}" begins the pattern`;
  return meet(chars, borderOf(before.toReversed(), 'last'))
    ? `"${raw}" may begin inside of a longer one`
    : undefined;
}

/** Whether a match is certain behind a repetition: nothing more is wanted, or the end of a line by what takes all of it. */
function cannotFail(after: Elements, chars: Chars): boolean {
  const wanted = after.filter((element) => !isNullable(element));
  const isEnd = wanted.every((element) => element.type === 'Assertion' && element.kind === 'end');
  return isEnd && (wanted.length === 0 || chars.size === ALL.length - LINE_ENDS);
}

function isWhy(why: string | undefined): boolean {
  return why !== undefined;
}

function isCharacter({ type }: AST.Element): boolean {
  return type === 'Character' || type === 'CharacterSet' || type === 'CharacterClass';
}

/** The characters that a sequence may begin or end with; `elements` from that side on. */
function borderOf(elements: Elements, side: 'first' | 'last'): Chars {
  let found = NONE;
  for (const element of elements) {
    found = new Set([...found, ...charsAt(element, side)]);
    if (!isNullable(element)) break;
  }
  return found;
}

function charsAt(element: AST.Element, side: 'first' | 'last'): Chars {
  if (isCharacter(element)) return charsOf(element.raw);
  if (element.type === 'Quantifier') return charsAt(element.element, side);
  if (element.type === 'Group' || element.type === 'CapturingGroup') {
    const each = element.alternatives.map(({ elements }) =>
      borderOf(side === 'first' ? elements : elements.toReversed(), side),
    );
    return new Set(each.flatMap((chars) => [...chars]));
  }
  return element.type === 'Assertion' ? NONE : new Set(ALL);
}

/** `^` ends what precedes: nothing does. */
function isNullable(element: AST.Element): boolean {
  if (element.type === 'Quantifier') return element.min === 0 || isNullable(element.element);
  if (element.type === 'Group' || element.type === 'CapturingGroup')
    return element.alternatives.some(({ elements }) => elements.every(isNullable));
  return element.type === 'Assertion' && element.kind !== 'start' && element.kind !== 'end';
}

const known = new Map<string, Chars>();

function charsOf(raw: string): Chars {
  const chars = known.get(raw) ?? new Set(ALL.filter((char) => matches(raw, char)));
  known.set(raw, chars);
  return chars;
}

function matches(raw: string, char: string): boolean {
  return raw === '.' ? /^.$/.test(char) : new RegExp(`^(?:${raw})$`, 's').test(char);
}

function meet(some: Chars, others: Chars): boolean {
  return [...some].some((char) => others.has(char));
}
