import { isMap, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { type Fault, usageFault } from '../model/fault.js';
import { nearest } from '../model/nearest.js';

/** A file written by hand is smaller. */
export const MAX_FILE_CHARACTERS = 64 * 1024;
/** Nested aliases grow without bound. */
const MAX_ALIASES = 16;

type Path = readonly PropertyKey[];

/** A kind of YAML file: its noun in messages, its schema, and the page that describes it. */
export interface YamlForm<T> {
  readonly what: string;
  readonly schema: z.ZodType<T>;
  readonly seeAlso: string;
  /** Whether all mistakes are named, not the first one alone. */
  readonly all?: boolean;
}

/** A file's content, with the positions of its parts. */
export interface YamlFile<T> {
  readonly value: T;
  /** `file:line:column` of the value at a path of keys, or of its nearest ancestor. */
  readonly placeOf: (path: Path) => string;
  /** The usage fault for a mistake at a path. */
  readonly refuse: (path: Path, why: string, cause?: unknown) => Fault;
}

/**
 * Parses a YAML file's text. Throws a usage fault that names file, line and column, for bad YAML, a wrong type or an
 * unknown key. Pure.
 */
export function readYaml<T>(
  text: string,
  file: string,
  { what, schema, seeAlso, all = false }: YamlForm<T>,
): YamlFile<T> {
  if (text.length > MAX_FILE_CHARACTERS) {
    throw usageFault(
      `cannot read ${what} "${file}": it has ${text.length} characters; keep it under ${MAX_FILE_CHARACTERS}`,
    );
  }
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true });
  const place = (offset: number) => {
    const { line, col } = counter.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const [error] = document.errors;
  if (error !== undefined) {
    const why = error.message.replace(/\s+/g, ' ');
    throw usageFault(`cannot read ${what} "${place(error.pos[0])}": ${why}; correct the YAML there`, error);
  }
  const nothing = danglingAlias(document);
  if (nothing !== undefined) {
    throw usageFault(
      `cannot read ${what} "${place(nothing.offset)}": the alias "*${nothing.name}" names nothing; quote a value that begins with *`,
    );
  }
  const parsed = schema.safeParse(valueOf(document, { what, file }));
  if (!parsed.success) {
    const issue = deepest(parsed.error.issues);
    const where = place(offsetOf(document, issue));
    const said = (one: z.core.$ZodIssue) =>
      `${one.path.join('.') || 'the file'}: ${one.message}${meant(schema, one)}`;
    const others = all
      ? parsed.error.issues.map((one) => deepest([one])).filter((one) => !isSame(one, issue))
      : [];
    const more = others.map((one) => `; ${place(offsetOf(document, one))}: ${said(one)}`).join('');
    throw usageFault(
      `cannot read ${what} "${where}": ${said(issue)}${more}; see ${seeAlso} for the form`,
      parsed.error,
    );
  }
  const placeOf = (path: Path) => place(startOf(document, path));
  return {
    value: parsed.data,
    placeOf,
    refuse: (path, why, cause) => usageFault(`cannot read ${what} "${placeOf(path)}": ${why}`, cause),
  };
}

function isSame(one: z.core.$ZodIssue, other: z.core.$ZodIssue): boolean {
  return one.code === other.code && one.path.join('.') === other.path.join('.');
}

/** The first alias without an anchor before it: most often a value such as `*.deb` that is not quoted. */
function danglingAlias(
  document: ReturnType<typeof parseDocument>,
): { name: string; offset: number } | undefined {
  let found: { name: string; offset: number } | undefined;
  visit(document, {
    Alias(_key, node) {
      if (node.resolve(document) !== undefined) return undefined;
      found = { name: node.source, offset: node.range?.[0] ?? 0 };
      return visit.BREAK;
    },
  });
  return found;
}

function valueOf(
  document: ReturnType<typeof parseDocument>,
  { what, file }: { what: string; file: string },
): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw usageFault(
      `cannot read ${what} "${file}": its aliases unfold too far; write the values out`,
      error,
    );
  }
}

/**
 * A union reports one issue that holds those of each branch. The intended branch is taken to be the one that failed
 * deepest, and among equals the one that knows most of the keys.
 */
function deepest(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue {
  const [issue] = issues;
  if (issue === undefined) throw new Error('a failed parse has no issue');
  // What a key must be is known to the schema of keys.
  if (issue.code === 'invalid_key') return { ...issue, message: issue.issues[0]?.message ?? issue.message };
  if (issue.code !== 'invalid_union') return misspelled(issues, issue) ?? issue;
  const inner = issue.errors
    .filter((branch) => branch.length > 0)
    .map((branch) => ({ issue: deepest(branch), depth: depthOf(branch), unknown: unknownKeys(branch) }))
    .sort((a, b) => b.depth - a.depth || a.unknown - b.unknown)[0]?.issue;
  return inner === undefined ? issue : { ...inner, path: [...issue.path, ...inner.path] };
}

/** A key that is missing is there under a wrong name, when the same mapping has an unknown key: then that is the mistake. */
function misspelled(
  issues: readonly z.core.$ZodIssue[],
  { code, path }: z.core.$ZodIssue,
): z.core.$ZodIssue | undefined {
  if (code !== 'invalid_type') return undefined;
  return issues.find(
    (other) =>
      other.code === 'unrecognized_keys' &&
      other.path.length === path.length - 1 &&
      other.path.every((step, index) => step === path[index]) &&
      nearest(String(path.at(-1)), other.keys).length > 0,
  );
}

/** How deep the first mistake of a branch lies. */
function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  const [issue] = issues;
  if (issue === undefined) return 0;
  if (issue.code !== 'invalid_union') return issue.path.length;
  return issue.path.length + Math.max(0, ...issue.errors.map(depthOf));
}

/** How many keys a branch does not know; for a union in it, its best branch. */
function unknownKeys(branch: readonly z.core.$ZodIssue[]): number {
  return branch.reduce((sum, issue) => {
    if (issue.code === 'unrecognized_keys') return sum + issue.keys.length;
    return issue.code === 'invalid_union' ? sum + Math.min(...issue.errors.map(unknownKeys)) : sum;
  }, 0);
}

/** The JSON Schema of a kind of file, for editors. */
export function jsonSchemaOf(schema: z.ZodType, head: { title: string; description: string }): object {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return { $schema, ...head, ...rest };
}

/** What an unknown key may be a misspelling of, among the keys that the schema has there. */
function meant(schema: z.ZodType, issue: z.core.$ZodIssue): string {
  const [unknown] = issue.code === 'unrecognized_keys' ? issue.keys : [];
  if (unknown === undefined) return '';
  const root: unknown = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const [near] = nearest(unknown, keysAt(root, { root, path: issue.path }), { count: 1 });
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}

/** The keys of all mappings that a JSON Schema allows at a path. */
function keysAt(schema: unknown, { root, path }: { root: unknown; path: Path }): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const part = (name: string): unknown => new Map<string, unknown>(Object.entries(schema)).get(name);
  const reference = part('$ref');
  if (typeof reference === 'string') {
    const names = reference.split('/').slice(1);
    const found = names.reduce<unknown>(
      (inside, name) =>
        typeof inside === 'object' && inside !== null ? new Map(Object.entries(inside)).get(name) : undefined,
      root,
    );
    return keysAt(found, { root, path });
  }
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((name) => part(name) ?? []);
  if (branches.length > 0) return branches.flatMap((branch) => keysAt(branch, { root, path }));
  const properties = part('properties');
  const named = typeof properties === 'object' && properties !== null ? Object.entries(properties) : [];
  const [step, ...rest] = path;
  if (step === undefined) return named.map(([name]) => name);
  const below =
    typeof step === 'number'
      ? part('items')
      : (new Map(named).get(String(step)) ?? part('additionalProperties'));
  return keysAt(below, { root, path: rest });
}

function offsetOf(document: ReturnType<typeof parseDocument>, issue: z.core.$ZodIssue): number {
  const key = issue.code === 'unrecognized_keys' ? keyOffset(document, issue.path, issue.keys[0]) : undefined;
  return key ?? startOf(document, issue.path);
}

/** Position of a key of the mapping at a path. */
function keyOffset(
  document: ReturnType<typeof parseDocument>,
  path: Path,
  name: string | undefined,
): number | undefined {
  const parent: unknown = document.getIn([...path], true);
  const pair = isMap(parent)
    ? parent.items.find(({ key }) => isScalar(key) && key.value === name)
    : undefined;
  return isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
}

function startOf(document: ReturnType<typeof parseDocument>, path: Path): number {
  for (let depth = path.length; depth >= 0; depth--) {
    const node: unknown = document.getIn(path.slice(0, depth), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
      const start: unknown = node.range[0];
      if (typeof start === 'number') return start;
    }
  }
  return 0;
}
