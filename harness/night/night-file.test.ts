import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { parse } from 'yaml';
import { durationMs, nightFileJsonSchema } from './night-file.js';
import { readNight } from './read-night.js';

const ROOT = new URL('../../', import.meta.url);
const LEAST = `version: 1
name: x
kernels: [{ directory: /srv/builds }]
campaign: { scenarios: [sysrq-task] }
budget: 6h
`;

t.test('the example is valid, for crashpath and for a validator of JSON Schema', async (t) => {
  const text = await readFile(new URL('scripts/nightly/nightly.yaml', ROOT), 'utf8');
  t.match(text, /^# yaml-language-server: \$schema=\.\.\/\.\.\/schemas\/nightly\.schema\.json\n/);
  t.equal(readNight(text, 'nightly.yaml').kernels[0]?.name, 'builds');
  const published: unknown = JSON.parse(await readFile(new URL('schemas/nightly.schema.json', ROOT), 'utf8'));
  t.strictSame(published, JSON.parse(JSON.stringify(nightFileJsonSchema())), 'fresh');
  const validate = new Ajv2020({ strict: false }).compile(nightFileJsonSchema());
  t.ok(validate(parse(text)), JSON.stringify(validate.errors));
  t.ok(validate(parse(LEAST)));
  for (const wrong of ['budget: 6 hours', 'budgt: 6h', 'kernels: []', 'version: 2', 'accel: xen']) {
    const [key = ''] = wrong.split(':');
    const changed = `${LEAST.replace(new RegExp(`^${key}:.*\n`, 'm'), '')}${wrong}\n`;
    t.notOk(validate(parse(changed)), wrong);
    t.throws(
      () => readNight(changed, 'n.yaml'),
      { message: /^cannot read night file "n\.yaml:\d+:\d+"/ },
      wrong,
    );
  }
});

t.test('a mistake is named with its place and the nearest name', async (t) => {
  const refused = (text: string, message: RegExp) => t.throws(() => readNight(text, 'n.yaml'), { message });
  refused(
    LEAST.replace('budget', 'bugdet'),
    /"n.yaml:5:1": the file: Unrecognized key: "bugdet" \(did you mean "budget"\?\)/,
  );
  refused(
    LEAST.replace('directory', 'directroy'),
    /"n.yaml:3:13": kernels.0: Unrecognized key: "directroy" \(did you mean "directory"\?\)/,
  );
  refused(
    LEAST.replace('scenarios', 'scenario'),
    /"n.yaml:4:13": campaign: Unrecognized key: "scenario" \(did you mean "scenarios"\?\)/,
  );
  refused(LEAST.replace('6h', 'h'), /"n.yaml:5:9": budget: must be a time above 0 such as 6h/);
  refused(
    `${LEAST}controls: { mustHangs: false }\n`,
    /controls: Unrecognized key: "mustHangs" \(did you mean "mustHang"\?\)/,
  );
  for (const none of ['0', '0h', '0h0m', '']) {
    refused(LEAST.replace('6h', none), /"n.yaml:5:\d+": budget: must be a time above 0 such as 6h/);
  }
  t.equal(readNight(LEAST.replace('6h', '0h1s'), 'n.yaml').budget, '0h1s');
  refused(
    `${LEAST}controls: { mustHang: true }\n`,
    /"n.yaml:6:23": controls.mustHang: must be false, or a mapping with kernel and scenario/,
  );
  refused(
    LEAST.replace('/srv/builds', '/srv/builds, pattern: *.deb'),
    /"n.yaml:3:46": the alias "\*.deb" names nothing; quote a value that begins with \*$/,
  );
  const pattern = LEAST.replace('/srv/builds', "/srv/builds, pattern: '*.deb'");
  t.match(readNight(pattern, 'n.yaml').kernels, [{ pattern: '*.deb' }]);
  t.equal(readNight(LEAST.replace('name: x', 'name: &a tcg') + 'accel: *a\n', 'n.yaml').accel, 'tcg');
  refused(`${LEAST}zzzzzzz: 1\n`, /Unrecognized key: "zzzzzzz"; see docs\/nightly.md/);
});

t.test('names of sources, and times', async (t) => {
  const kernels =
    'kernels: [{ directory: ./a/B_1/ }, { git: /linux, ref: origin/master }, { debian: sid/6.12 }, { spec: no-zap }]';
  const read = readNight(LEAST.replace(/^kernels.*$/m, kernels), 'n.yaml');
  t.strictSame(
    read.kernels.map(({ name }) => name),
    ['b-1', 'origin-master', 'sid-6-12', 'no-zap'],
  );
  t.equal(durationMs('1h30m'), 5_400_000);
  t.equal(durationMs('45s'), 45_000);
  t.equal(durationMs('90m'), 5_400_000);
});
