import { readFile } from 'node:fs/promises';
import t from 'tap';
import { Fault } from '../model/fault.js';
import { readCampaign } from './read-campaign.js';

const THREAD = new URL('../../scripts/thread.yaml', import.meta.url).pathname;

/** A small valid file with lines put in place of others. */
function text(changes: Readonly<Record<number, string>> = {}): string {
  const lines = [
    'version: 1',
    'name: made',
    'summary: a made campaign',
    'kernels:',
    '  old: debian:6.1',
    '  new: { spec: debian:6.12 }',
    'scenarios:',
    '  - sysrq-task',
    '  - name: no-trigger',
    '    kernels: [old]',
    '    expect:',
    '      old: { verdict: no-panic }',
  ];
  return lines.map((line, index) => changes[index + 1] ?? line).join('\n');
}

function messageOf(content: string): string {
  try {
    readCampaign(content, 'made.yaml');
  } catch (error) {
    if (error instanceof Fault && error.kind === 'usage') return error.message;
    throw error;
  }
  return 'no fault';
}

t.test('what a file leaves out', async (t) => {
  const campaign = readCampaign(text(), 'made.yaml');
  t.strictSame(
    [...campaign.kernels],
    [
      ['old', { spec: 'debian:6.1' }],
      ['new', { spec: 'debian:6.12' }],
    ],
  );
  t.strictSame(
    campaign.rows.map(({ name, kernels, repeat, expect }) => ({ name, kernels, repeat, expect })),
    [
      { name: 'sysrq-task', kernels: ['old', 'new'], repeat: 1, expect: undefined },
      { name: 'no-trigger', kernels: ['old'], repeat: 1, expect: { old: { verdict: 'no-panic' } } },
    ],
  );
  t.equal(campaign.jobs, undefined);
});

t.test('the showcase is valid', async (t) => {
  const campaign = readCampaign(await readFile(THREAD, 'utf8'), 'thread.yaml');
  t.strictSame([...campaign.kernels.keys()], ['no-zap', 'zickus', 'stock']);
  for (const row of campaign.rows) t.ok(row.why !== undefined, `${row.name} says what it is about`);
});

t.test('mistakes are refused with file, line and column', async (t) => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [
      'bad YAML',
      text({ 4: 'kernels: {' }),
      /^cannot read campaign file "made\.yaml:\d+:\d+": .*; correct the YAML/,
    ],
    [
      'no version',
      text({ 1: '' }),
      /"made\.yaml:\d+:\d+": version: .*; see docs\/campaigns\.md for the form/,
    ],
    ['unknown key', text({ 3: 'summary: x\nmachnies: [q35]' }), /"made\.yaml:4:1": .*machnies/],
    ['unknown key in a row', text({ 10: '    kernel: [old]' }), /"made\.yaml:10:5": scenarios\.1: .*kernel/],
    ['no kernel', text({ 5: '', 6: '' }), /kernels: /],
    ['a name that is no name', text({ 5: '  Old: debian:6.1' }), /"made\.yaml:\d+:\d+": kernels\.Old: /],
    [
      'a kernel that no row runs',
      text({ 8: '', 9: '  - name: no-trigger' }),
      /"made\.yaml:6:8": no row runs the kernel "new"/,
    ],
    [
      'a row twice',
      text({ 8: '  - no-trigger' }),
      /"made\.yaml:9:5": scenario "no-trigger" has a row already/,
    ],
    [
      'a row with an unknown kernel',
      text({ 10: '    kernels: [old, odl]' }),
      /"made\.yaml:10:20": there is no kernel "odl"; the file has old, new/,
    ],
    [
      'a row with a kernel twice',
      text({ 10: '    kernels: [old, old]' }),
      /"made\.yaml:10:20": kernel "old" is named twice/,
    ],
    [
      'a cell of an unknown kernel',
      text({ 12: '      odl: { verdict: no-panic }' }),
      /"made\.yaml:12:12": there is no kernel "odl"/,
    ],
    [
      'a cell that does not exist',
      text({ 12: '      new: { verdict: no-panic }' }),
      /"made\.yaml:12:12": the row does not run the kernel "new", so that this cell does not exist/,
    ],
    [
      'an unknown verdict',
      text({ 12: '      old: { verdict: no-panik }' }),
      /"made\.yaml:12:23": scenarios\.1\.expect\.old\.verdict: /,
    ],
    [
      'void expected',
      text({ 12: '      old: { verdict: void }' }),
      /"made\.yaml:12:23": .*says nothing about a kernel; .* write voidOk/,
    ],
    [
      'harness-error expected',
      text({ 12: '      old: { verdict: harness-error }' }),
      /says nothing about a kernel/,
    ],
    [
      'quality of a hang',
      text({ 12: '      old: { verdict: capture-hang, quality: clean }' }),
      /"made\.yaml:12:46": .*quality: belongs to the verdict "captured" only/,
    ],
    [
      'clean and degraded by',
      text({ 12: '      old: { verdict: captured, quality: clean, degradedBy: [x] }' }),
      /degradedBy: contradicts quality: clean/,
    ],
    [
      'detail of nothing',
      text({ 12: '      old: { detail: spin }' }),
      /"made\.yaml:12:22": .*detail: belongs to a verdict/,
    ],
    [
      'both forms',
      text({
        12: '      old: { verdict: captured, anyOf: [{ verdict: captured, why: a }, { verdict: no-panic, why: b }] }',
      }),
      /anyOf: replaces verdict/,
    ],
    [
      'one of one',
      text({ 12: '      old: { anyOf: [{ verdict: captured, why: a }] }' }),
      /"made\.yaml:12:21": .*anyOf: /,
    ],
    [
      'no reason',
      text({ 12: '      old: { anyOf: [{ verdict: captured }, { verdict: no-panic, why: b }] }' }),
      /"made\.yaml:12:22": .*anyOf\.0\.why: /,
    ],
    ['a void without a reason', text({ 12: '      old: { voidOk: "" }' }), /voidOk/],
    [
      'an argument of two lines',
      text({ 12: '      old: { verdict: no-panic, why: "a\\nb" }' }),
      /why: must be one line/,
    ],
    ['repeat of nothing', text({ 10: '    repeat: 0' }), /"made\.yaml:10:13": scenarios\.1\.repeat: /],
    ['too long', `# ${'x'.repeat(70_000)}`, /it has 70002 characters/],
  ];
  for (const [what, content, expected] of cases) t.match(messageOf(content), expected, what);
  t.equal(messageOf(text()), 'no fault');
});
