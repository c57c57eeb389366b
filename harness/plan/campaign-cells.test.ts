import t from 'tap';
import { Fault } from '../model/fault.js';
import type { Scenario } from './scenario.js';
import { campaignCells, type CampaignChoices, inRounds, narrowed } from './campaign-cells.js';
import { readCampaign } from './read-campaign.js';
import { readScenario } from './read-scenario.js';

const FILE = `version: 1
name: made
summary: a made campaign
repeat: 2
kernels:
  old: ./old/bzImage
  new: { spec: "debian:6.12", captureKernel: "debian:6.1", append: nosmt, captureAppend: quiet }
scenarios:
  - one
  - name: two
    repeat: 1
    why: two is rare
    voidOk: it needs hardware
    expect:
      old: { verdict: crash-path-hang, detail: spin, why: it has the bug }
      new: { why: it has the fix, voidOk: { reason: no PMU, under: tcg } }
  - name: three
    kernels: [new]
    expect:
      new: { anyOf: [{ verdict: captured, why: mostly }, { verdict: capture-hang, why: at times }] }
`;

function scenario(name: string, ...more: string[]): Scenario {
  return readScenario(
    [
      'version: 1',
      `name: ${name}`,
      'summary: made',
      'trigger: { kind: sysrq, key: c }',
      ...(more.length === 0 ? ['expect: { verdict: captured, quality: clean }'] : more),
    ].join('\n'),
    'made.yaml',
  );
}

function faultOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof Fault && error.kind === 'usage') return error.message;
    throw error;
  }
  return 'no fault';
}

const ALL: CampaignChoices = { scenarios: [], kernels: [], scale: 1 };
const byName = ({ name }: { name: string }) => [scenario(name)];

t.test('cells row by row, each with what its runs are judged by', async (t) => {
  const cells = campaignCells(readCampaign(FILE, 'made.yaml'), byName);
  t.strictSame(
    cells.map(({ scenario: { name }, spec, captureSpec, append, captureAppend, repeat, cell }) => ({
      name,
      spec,
      ...(captureSpec === undefined ? {} : { captureSpec, append, captureAppend }),
      repeat,
      cell,
    })),
    [
      {
        name: 'one',
        spec: './old/bzImage',
        repeat: 2,
        cell: { kernel: 'old', expect: { verdict: 'captured', quality: 'clean' } },
      },
      {
        name: 'one',
        spec: 'debian:6.12',
        captureSpec: 'debian:6.1',
        append: 'nosmt',
        captureAppend: 'quiet',
        repeat: 2,
        cell: { kernel: 'new', expect: { verdict: 'captured', quality: 'clean' } },
      },
      {
        name: 'two',
        spec: './old/bzImage',
        repeat: 1,
        cell: {
          kernel: 'old',
          why: 'two is rare',
          expect: { verdict: 'crash-path-hang', detail: 'spin', why: 'it has the bug' },
          voidOk: { reason: 'it needs hardware' },
        },
      },
      {
        name: 'two',
        spec: 'debian:6.12',
        captureSpec: 'debian:6.1',
        append: 'nosmt',
        captureAppend: 'quiet',
        repeat: 1,
        cell: {
          kernel: 'new',
          why: 'two is rare',
          expect: { verdict: 'captured', quality: 'clean', why: 'it has the fix' },
          voidOk: { reason: 'no PMU', under: 'tcg' },
        },
      },
      {
        name: 'three',
        spec: 'debian:6.12',
        captureSpec: 'debian:6.1',
        append: 'nosmt',
        captureAppend: 'quiet',
        repeat: 2,
        cell: {
          kernel: 'new',
          expect: {
            anyOf: [
              { verdict: 'captured', why: 'mostly' },
              { verdict: 'capture-hang', why: 'at times' },
            ],
          },
        },
      },
    ],
  );
});

t.test('how the crash kernel is loaded is a column', async (t) => {
  const file = FILE.replace('captureAppend: quiet', 'captureCmdline: quiet, loadSyscall: kexec_file_load');
  const [old, other] = campaignCells(readCampaign(file, 'made.yaml'), byName);
  t.match(old, { captureCmdline: undefined, loadSyscall: undefined });
  t.match(other, { captureCmdline: 'quiet', loadSyscall: 'kexec_file_load' });
  const both = FILE.replace('captureAppend: quiet', 'captureAppend: quiet, captureCmdline: quiet');
  t.throws(() => readCampaign(both, 'made.yaml'), { message: /whole command line, and captureAppend adds/ });
});

t.test('names narrow it down, --repeat scales it', async (t) => {
  const campaign = readCampaign(FILE, 'made.yaml');
  const left = (choices: Partial<CampaignChoices>) =>
    campaignCells(narrowed(campaign, { ...ALL, ...choices }), byName).map(
      ({ scenario: { name }, cell, repeat }) => `${name} ${cell.kernel} ${repeat}`,
    );
  t.strictSame(left({ scenarios: ['two'], scale: 3 }), ['two old 3', 'two new 3']);
  t.strictSame(
    left({ kernels: ['old'] }),
    ['one old 2', 'two old 1'],
    'a row without that kernel is left out',
  );
  const refused = (choices: Partial<CampaignChoices>) =>
    faultOf(() => narrowed(campaign, { ...ALL, ...choices }));
  t.match(
    refused({ scenarios: ['four'] }),
    'cannot run campaign "made" for scenario "four": its file has no scenario of that name; it has one, two, three',
  );
  t.match(refused({ kernels: ['debian:6.1'] }), /for kernel "debian:6\.1": .* it has old, new/);
  t.match(refused({ scenarios: ['three'], kernels: ['old'] }), /none of its rows runs old for three/);
});

t.test('what only the scenarios show is refused with the row that says it', async (t) => {
  const campaign = readCampaign(FILE, 'made.yaml');
  t.match(
    faultOf(() => campaignCells(campaign, ({ name }) => [scenario(name === 'two' ? 'one' : name)])),
    /^cannot read campaign file "made\.yaml:10:5": "one" and "two" are one scenario, one; drop one of them$/,
  );
  const absent = scenario('one', 'crashKernel: absent', 'expect: { verdict: no-crash-kernel }');
  t.equal(campaignCells(campaign, ({ name }) => [name === 'one' ? absent : scenario(name)]).length, 5);
  t.match(
    faultOf(() =>
      campaignCells(campaign, ({ name }) => [name === 'three' ? { ...absent, name } : scenario(name)]),
    ),
    /"made\.yaml:17:5": three loads no crash kernel, so that new cannot reach a capture kernel/,
  );
});

t.test('a file of several scenarios makes several rows, alike but for the scenario', async (t) => {
  const campaign = narrowed(readCampaign(FILE, 'made.yaml'), { ...ALL, scenarios: ['three'] });
  const cells = campaignCells(campaign, () => [scenario('three-a'), scenario('three-b')]);
  t.strictSame(
    cells.map(({ scenario: { name }, cell }) => [name, 'anyOf' in cell.expect]),
    [
      ['three-a', true],
      ['three-b', true],
    ],
  );
});

t.test('rounds: every cell once before any twice', async (t) => {
  const order = inRounds([
    { name: 'a', repeat: 2 },
    { name: 'b', repeat: 1 },
    { name: 'c', repeat: 3 },
  ]).map(({ cell, trial }) => `${cell.name}${trial}`);
  t.strictSame(order, ['a1', 'b1', 'c1', 'a2', 'c2', 'c3']);
  t.strictSame(inRounds([]), []);
});
