/** What the linter's configuration refuses and lets pass, shown on a small tree of rooms. */
import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { z } from 'zod';
import { PACKAGE_ROOT } from '../cli/context.js';
import { scratch, writeTree } from './files.js';

const Report = z.object({ diagnostics: z.array(z.object({ code: z.string(), filename: z.string() })) });

const LAYERS = 'house(layers)';
const CYCLE = 'import(no-cycle)';
const TYPE_IMPORTS = 'typescript(consistent-type-imports)';

/** File below harness/: its text, and the rule that refuses it; `undefined` when it must pass. */
const FILES: Readonly<Record<string, readonly [text: string, refusedBy?: string]>> = {
  'model/noun.ts': ['export interface Noun {\n  readonly word: string;\n}\nexport const ONE = 1;\n'],
  'model/imports-a-higher-room.ts': ["export type { Event } from '../timeline/event.js';\n", LAYERS],
  'timeline/event.ts': ["import type { Noun } from '../model/noun.js';\nexport type Event = Noun;\n"],
  'timeline/reads-files.ts': ["import { readFile } from 'node:fs';\nexport const read = readFile;\n", LAYERS],
  'timeline/reads-files-later.ts': ["export const read = () => import('node:fs');\n", LAYERS],
  'timeline/starts-processes.ts': ["import { execa } from 'execa';\nexport const start = execa;\n", LAYERS],
  'timeline/formats.ts': ["import { inspect } from 'node:util';\nexport const show = inspect;\n"],
  'timeline/names-an-effect-room.ts': ["export type Store = typeof import('../store/files.js');\n", LAYERS],
  'stats/imports-its-own-layer.ts': ["export { X } from '../symbols/x.js';\n", LAYERS],
  'symbols/x.ts': ['export const X = 1;\n'],
  'symbols/deeper/y.ts': ["export { X } from '../x.js';\nexport { ONE } from '../../model/noun.js';\n"],
  'store/files.ts': ["import { readFile } from 'node:fs';\nexport const read = readFile;\n"],
  'run/uses-the-interface.ts': ["export type { Machine } from '../machine/machine.js';\n"],
  'run/uses-qemu.ts': ["export { start } from '../machine/qemu/start.js';\n", LAYERS],
  'run/talks-to-qemu.ts': ["export type { Qmp } from '../qemu/qmp/client.js';\n", LAYERS],
  'run/imports-testing.ts': ["export { fake } from '../testing/fake.js';\n", LAYERS],
  'run/fake.test.ts': ["import { fake } from '../testing/fake.js';\nfake();\n"],
  'run/first.ts': ["import type { Second } from './second.js';\nexport type First = Second[];\n", CYCLE],
  'run/second.ts': ["import type { First } from './first.js';\nexport type Second = First[];\n", CYCLE],
  'run/value-import-of-a-type.ts': [
    "import { Noun } from '../model/noun.js';\nexport type Mine = Noun;\n",
    TYPE_IMPORTS,
  ],
  'run/unknown-room.ts': ["export { z } from '../attic/z.js';\n", LAYERS],
  'machine/machine.ts': ['export interface Machine {\n  readonly name: string;\n}\n'],
  'machine/imports-its-implementation.ts': ["export { start } from './qemu/start.js';\n", LAYERS],
  'machine/qemu/start.ts': [
    "export type { Machine } from '../machine.js';\nexport type { Qmp } from '../../qemu/qmp/client.js';\nexport const start = 1;\n",
  ],
  'qemu/qmp/client.ts': ['export interface Qmp {\n  readonly path: string;\n}\n'],
  'qemu/qmp/imports-the-house.ts': ["export type { Noun } from '../../model/noun.js';\n", LAYERS],
  'testing/fake.ts': [
    "import { start } from '../machine/qemu/start.js';\nexport const fake = () => start;\n",
  ],
};

t.test(
  'a room imports lower rooms only, a pure one nothing with effects, and nobody in circles',
  async (t) => {
    // Outside the repository: oxlint passes over what Git ignores.
    const directory = await scratch(t);
    const texts = Object.entries(FILES).map(([name, [text]]) => [join('harness', name), text]);
    await writeTree(directory, {
      ...Object.fromEntries(texts),
      'tsconfig.json': '{ "compilerOptions": { "module": "nodenext" } }\n',
    });
    const { stdout, stderr } = await execa(
      'env',
      // The test runner's hooks go into every Node process that a test starts, and oxlint does not load with them.
      [
        '-u',
        'NODE_OPTIONS',
        join(PACKAGE_ROOT, 'node_modules/.bin/oxlint'),
        '--config',
        join(PACKAGE_ROOT, '.oxlintrc.json'),
        '--format',
        'json',
        'harness',
      ],
      { cwd: directory, reject: false },
    );
    t.equal(stderr, '');
    const refused = new Map(
      Report.parse(JSON.parse(stdout)).diagnostics.map(({ code, filename }) => [filename, code]),
    );
    for (const [name, [, rule]] of Object.entries(FILES)) {
      t.equal(refused.get(join('harness', name)), rule, rule === undefined ? `${name} passes` : name);
    }
  },
);
