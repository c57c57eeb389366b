/**
 * The linter's rule `house/layers`: which room of harness/ may import which. Every way to name another file counts,
 * type-only imports and `import()` included. docs/architecture.md says what each room is for.
 */
import { dirname, relative, resolve, sep } from 'node:path';

/**
 * Rooms from the lowest to the highest. A room imports itself and rooms of lower lines, never a room of its own line
 * or of a higher one.
 */
const PURE_LAYERS = [
  ['model'],
  ['hmp', 'symbols', 'stats', 'stacks'],
  ['timeline', 'machine', 'dump'],
  ['proof', 'standstill'],
  ['trigger'],
  ['plan'],
  ['classify'],
  ['bisection', 'console-log', 'proposal'],
  ['sweep'],
  ['report'],
  ['night'],
];
const LAYERS = [
  ...PURE_LAYERS,
  ['host', 'qemu/socket', 'cache'],
  ['qemu/qmp', 'qemu/gdbstub', 'qemu/qtest'],
  ['image', 'guest', 'kernel', 'store', 'ssh', 'machine/sources', 'kept'],
  ['autopsy', 'history', 'bundle', 'distribution'],
  ['choreo'],
  ['run'],
  ['machine/qemu', 'machine/recorded', 'machine/foreign'],
  ['campaign', 'doctor'],
  ['prepare'],
  ['nightly', 'bisect', 'propose'],
  ['cli'],
  ['bench'],
  ['lab'],
  ['testing'],
];

/** Values in, values out: no clock, no files, no processes. */
const PURE = new Set(PURE_LAYERS.flat());

/** What a pure room may import from outside the house: it computes, and touches nothing. */
const PURE_PACKAGES = [
  '@stdlib/*',
  'diff',
  'fastest-levenshtein',
  'iced-x86',
  'picocolors',
  'strip-ansi',
  'xmlbuilder2',
  'yaml',
  'zod',
];
const PURE_NODE_MODULES = ['node:module', 'node:stream', 'node:util', 'node:zlib'];

/** Rooms that only a few higher rooms may import; everybody else asks for what they offer through `machine`. */
const RESERVED = {
  'qemu/qmp': ['machine/qemu', 'machine/foreign'],
  'qemu/qtest': ['machine/qemu'],
  'qemu/gdbstub': ['machine/qemu', 'machine/foreign', 'autopsy', 'choreo'],
  'machine/qemu': ['campaign', 'prepare', 'doctor', 'cli'],
  'machine/foreign': ['doctor', 'cli'],
};

/** Rooms that could be published on their own: they import nothing of the house but what is named here. */
const SELF_CONTAINED = {
  'qemu/socket': [],
  'qemu/qmp': ['qemu/socket'],
  'qemu/gdbstub': ['qemu/socket', 'model'],
  'qemu/qtest': ['qemu/socket', 'model'],
};

const LEVEL = new Map(LAYERS.flatMap((rooms, level) => rooms.map((room) => [room, level])));

/** The room of a file, by its path below harness/: two folders where the table has such a room, or else one. */
function roomOf(path) {
  const folders = dirname(path).split(sep);
  const nested = folders.slice(0, 2).join('/');
  return LEVEL.has(nested) ? nested : folders[0];
}

/** Why `from` may not import `to`; `undefined` when it may. */
function refusal(from, to) {
  if (from === to) return undefined;
  if (to === 'testing') return `${from} is part of the product, and testing/ is not`;
  if (!LEVEL.has(to)) return `the table of layers has no room ${to}`;
  if (LEVEL.get(to) >= LEVEL.get(from)) return `${to} is not below ${from}`;
  if (from === 'testing') return undefined;
  if (from in SELF_CONTAINED && !SELF_CONTAINED[from].includes(to))
    return `${from} can be published on its own`;
  if (to in RESERVED && !RESERVED[to].includes(from))
    return `only ${RESERVED[to].join(', ')} may import ${to}`;
  return undefined;
}

/** Why a pure room may not import that package or module of Node. */
function impurity(from, specifier) {
  if (!PURE.has(from)) return undefined;
  const allowed = specifier.startsWith('node:') ? PURE_NODE_MODULES : PURE_PACKAGES;
  const fits = (name) =>
    name === specifier || (name.endsWith('/*') && specifier.startsWith(name.slice(0, -1)));
  return allowed.some(fits)
    ? undefined
    : `${from} is a pure room, and "${specifier}" is not known to be pure`;
}

const layers = {
  create(context) {
    // The last folder of that name, so that a checkout below a folder `harness` and the rule's own test work too.
    const [root, path] = splitAtHarness(context.filename);
    if (path === undefined) return {};
    const from = roomOf(path);
    const check = (source) => {
      if (typeof source?.value !== 'string') return;
      const specifier = source.value;
      const why = specifier.startsWith('.')
        ? refusal(from, roomOf(relative(root, resolve(dirname(context.filename), specifier))))
        : impurity(from, specifier);
      if (why !== undefined) {
        context.report({
          node: source,
          message: `cannot import "${specifier}" here: ${why}; see scripts/lint/layers.mjs`,
        });
      }
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.source),
    };
  },
};

function splitAtHarness(file) {
  const mark = `${sep}harness${sep}`;
  const at = file.lastIndexOf(mark);
  return at < 0 ? [file] : [file.slice(0, at + mark.length), file.slice(at + mark.length)];
}

export default { meta: { name: 'house' }, rules: { layers } };
