import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { parse } from 'yaml';
import { readVariants, variantsFileJsonSchema } from './variants-file.js';

const ROOT = new URL('../../../', import.meta.url);
const LEAST = 'version: 1\nsweep: crash-locks\nsummary: x\nvariants:\n  plain: {}\n';

t.test('the shipped file is valid, for crashpath and for a validator of JSON Schema', async (t) => {
  const text = await readFile(new URL('scripts/crash-locks.yaml', ROOT), 'utf8');
  t.match(text, /^# yaml-language-server: \$schema=\.\.\/schemas\/crash-locks\.schema\.json\n/);
  const { variants } = readVariants(text, 'crash-locks.yaml');
  t.strictSame([...new Set(variants.map(({ context }) => context))].sort(), [
    'hardirq',
    'nmi',
    'softirq',
    'task',
  ]);
  t.strictSame(new Set(variants.map(({ cpus }) => cpus)), new Set([2, 1, 4]));
  const published: unknown = JSON.parse(
    await readFile(new URL('schemas/crash-locks.schema.json', ROOT), 'utf8'),
  );
  t.strictSame(published, JSON.parse(JSON.stringify(variantsFileJsonSchema())), 'fresh');
  const validate = new Ajv2020({ strict: false }).compile(variantsFileJsonSchema());
  t.ok(validate(parse(text)), JSON.stringify(validate.errors));
  t.ok(validate(parse(LEAST)));
});

t.test('defaults are those of a sweep without a file', async (t) => {
  t.strictSame(readVariants(LEAST, 'v.yaml').variants, [
    { name: 'plain', context: 'hardirq', cpus: 2, append: undefined, captureAppend: undefined },
  ]);
});

t.test('a mistake is named with its place and a remedy', async (t) => {
  const refused = (text: string, says: RegExp) =>
    t.throws(() => readVariants(text, 'v.yaml'), { kind: 'usage', message: says });
  refused(LEAST.replace('plain: {}', 'plain: { contxt: nmi }'), /"v\.yaml:5:12": .*did you mean "context"\?/);
  refused(LEAST.replace('plain: {}', 'plain: { context: irq }'), /"v\.yaml:5:21": variants\.plain\.context/);
  refused(LEAST.replace('plain: {}', 'plain: { cpus: 17 }'), /"v\.yaml:5:18": variants\.plain\.cpus/);
  refused(LEAST.replace('{}', '{ cpus: 0 }'), /variants\.plain\.cpus/);
  refused(LEAST.replace('plain: {}', 'plain:'), /variants\.plain: it is empty; write \{\}/);
  refused(LEAST.replace('plain: {}', 'plain: 3'), /variants\.plain: .*expected object/);
  refused(
    `${LEAST.replace('{}', '{ cpus: 40 }')}  b: { context: tsk }\n`,
    /"v\.yaml:5:18": variants\.plain\.cpus: .*; v\.yaml:6:17: variants\.b\.context: .*; see docs/,
  );
  refused(LEAST.replace('plain', 'Plain'), /lower-case letters/);
  refused(LEAST.replace('\n  plain: {}', ' {}'), /name at least one variant/);
  refused(LEAST.replace('crash-locks', 'nmi-transition'), /"v\.yaml:2:8": sweep/);
  refused(`${LEAST}  same: { context: hardirq }\n`, /"v\.yaml:6:9": it is the same crash path as "plain"/);
  t.equal(readVariants(`${LEAST}  near: { append: quiet }\n`, 'v.yaml').variants.length, 2, 'near miss');
  refused(LEAST.replace('{}', '{ pstore: ramoops }'), /"v\.yaml:5:20": variants\.plain\.pstore/);
  refused(`${LEAST}  same: { pstore: false }\n`, /it is the same crash path as "plain"/);
  refused(`${LEAST}  same: { loadSyscall: kexec_load }\n`, /it is the same crash path as "plain"/);
  refused(
    `${LEAST}  both: { captureAppend: quiet, captureCmdline: quiet }\n`,
    /both\.captureCmdline: is the whole command line, and captureAppend adds to it/,
  );
  const [, blind] = readVariants(`${LEAST}  blind: { loadSyscall: kexec_file_load }\n`, 'v.yaml').variants;
  t.equal(blind?.loadSyscall, 'kexec_file_load', 'another crash path');
  const [, kept] = readVariants(`${LEAST}  kept: { pstore: true }\n`, 'v.yaml').variants;
  t.equal(kept?.pstore, true, 'another crash path');
});
