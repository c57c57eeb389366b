import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { usageFault } from '../model/fault.js';
import type { Scenario } from './scenario.js';
import { readScenario } from './read-scenario.js';
import { MAX_FILE_CHARACTERS } from './read-yaml.js';

/** All members of a file run together: more than this are a mistake. */
const MAX_MEMBERS = 256;
const MAX_ALIASES = 16;

const word = z.union([z.string().min(1).max(64), z.number()]);
const Block = z.strictObject({
  /** Each combination of the values is one scenario; `${axis}` is replaced by the value in all its texts. */
  axes: z.record(z.string().regex(/^[a-z][a-zA-Z0-9]{0,15}$/), z.array(word).min(1).max(64)),
  /** Changes of these members to the file: lists are appended to, maps merged, other values replaced. */
  set: z.record(z.string(), z.unknown()).default({}),
});
const Base = z.looseObject({ name: z.string(), members: z.array(Block).min(1).max(32) });
/** The former name of `members`. */
const OLD_KEY = 'matrix';

/**
 * Reads a scenario file's text: one scenario, or with `members` one for each combination of the values of each of its
 * blocks, named `<name>-<value>-...` in lower case. Throws a usage fault as readScenario does; for a member it has the
 * member's name, and line and column in the member's text after substitution.
 */
export function readScenarios(text: string, file: string): Scenario[] {
  const value = text.length > MAX_FILE_CHARACTERS ? undefined : mapOf(text);
  const key = ['members', OLD_KEY].find((one) => value !== undefined && Object.hasOwn(value, one));
  if (value === undefined || key === undefined) return [readScenario(text, file)];
  if (key !== OLD_KEY && Object.hasOwn(value, OLD_KEY)) {
    throw usageFault(
      `cannot read scenario "${file}": "${OLD_KEY}" is the former name of "${key}", and it has both; drop one of them`,
    );
  }
  const { [key]: blocks, ...rest } = value;
  const parsed = Base.safeParse({ ...rest, members: blocks });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue?.path.map((part, depth) => (depth === 0 && part === 'members' ? key : String(part)));
    throw usageFault(
      `cannot read scenario "${file}": ${path?.join('.')}: ${issue?.message}; see scenarios/README.md for the form`,
      parsed.error,
    );
  }
  const { members: _, ...base } = parsed.data;
  const members = parsed.data.members.flatMap((block) => {
    const own = merged(base, block.set);
    return combinations(block.axes).map((values) => memberOf(own, values));
  });
  if (members.length > MAX_MEMBERS) {
    throw usageFault(
      `cannot read scenario "${file}": it has ${members.length} members; keep it under ${MAX_MEMBERS}`,
    );
  }
  const twice = members.find(({ name }, index) => members.findIndex((other) => other.name === name) < index);
  if (twice !== undefined) {
    throw usageFault(
      `cannot read scenario "${file}": it has "${twice.name}" twice; name each combination once`,
    );
  }
  return members.map((member) => readScenario(stringify(member), `${file}, ${member.name}`));
}

/** The file as a map; undefined for what readScenario will refuse, with its position. */
function mapOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = parse(text, { maxAliasCount: MAX_ALIASES, uniqueKeys: true });
    const map = z.record(z.string(), z.unknown()).safeParse(value);
    return map.success ? map.data : undefined;
  } catch {
    return undefined;
  }
}

type Values = Readonly<Record<string, string | number>>;

function combinations(axes: z.infer<typeof Block>['axes']): Values[] {
  return Object.entries(axes).reduce<Values[]>(
    (rows, [axis, values]) => rows.flatMap((row) => values.map((value) => ({ ...row, [axis]: value }))),
    [{}],
  );
}

function memberOf(base: Record<string, unknown> & { name: string }, values: Values) {
  const suffix = Object.values(values).map((value) => String(value).toLowerCase().replaceAll('_', '-'));
  const filled = z.record(z.string(), z.unknown()).parse(filledIn(base, values));
  return { ...filled, name: [base.name, ...suffix].join('-') };
}

/** Every text in a value, with the axes' values in place of `${axis}`. */
function filledIn(value: unknown, values: Values): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{([a-zA-Z0-9]+)\}/g, (whole, axis: string) =>
      Object.hasOwn(values, axis) ? String(values[axis]) : whole,
    );
  }
  if (Array.isArray(value)) return value.map((item) => filledIn(item, values));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filledIn(item, values)]));
}

function merged<T extends Record<string, unknown>>(base: T, set: Record<string, unknown>): T {
  const values = Object.entries(set).map(([key, value]) => [key, over(base[key], value)]);
  return { ...base, ...Object.fromEntries(values) };
}

function over(old: unknown, value: unknown): unknown {
  if (Array.isArray(old) && Array.isArray(value)) return [...old, ...value];
  return isMap(old) && isMap(value) ? { ...old, ...value } : value;
}

function isMap(candidate: unknown): candidate is object {
  return typeof candidate === 'object' && candidate !== null && !Array.isArray(candidate);
}
