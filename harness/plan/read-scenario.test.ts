import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { Fault } from '../model/fault.js';
import { readScenarios } from './read-scenarios.js';
import { readScenario } from './read-scenario.js';

const SCENARIOS = new URL('../../scenarios/', import.meta.url).pathname;
const LINES = [
  'version: 1',
  'name: made',
  'summary: a made scenario',
  'trigger: { kind: sysrq, key: c }',
  'expect: { verdict: captured }',
];

/** The scenario of {@link LINES} with one line replaced, or further lines. */
function text(changes: { line?: number; to?: string; more?: string[] } = {}): string {
  const lines = LINES.map((line, index) => (index + 1 === changes.line ? (changes.to ?? '') : line));
  return [...lines, ...(changes.more ?? []), ''].join('\n');
}

function messageOf(content: string): string {
  try {
    readScenario(content, 'made.yaml');
  } catch (error) {
    if (error instanceof Fault && error.kind === 'usage') return error.message;
    throw error;
  }
  return 'no fault';
}

void t.test('a short scenario and what it leaves out', async (t) => {
  t.strictSame(readScenario(text(), 'made.yaml'), {
    version: 1,
    name: 'made',
    summary: 'a made scenario',
    evidence: [],
    guest: {},
    crashKernel: 'loaded',
    beforeLoading: [],
    prepare: [],
    sources: [],
    prove: [],
    proveCapture: [],
    trigger: { kind: 'sysrq', key: 'c' },
    expect: { verdict: 'captured' },
  });
});

void t.test('the scenarios that come with crashpath are valid and named as their files', async (t) => {
  const files = (await readdir(SCENARIOS)).filter((file) => file.endsWith('.yaml'));
  t.ok(files.length >= 3);
  for (const file of files) {
    const scenarios = readScenarios(await readFile(join(SCENARIOS, file), 'utf8'), file);
    const stem = file.replace(/\.yaml$/, '');
    for (const { name, evidence } of scenarios) {
      t.ok(scenarios.length === 1 ? name === stem : name.startsWith(`${stem}-`), `${name} of ${file}`);
      t.ok(evidence.length > 0, `${name} says why it matters`);
    }
  }
});

void t.test('mistakes are reported with file, line and column', async (t) => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [
      'bad YAML',
      text({ more: ['prepare: [', 'x: }'] }),
      /^cannot read scenario "made\.yaml:7:\d+": .*; correct the YAML there$/,
    ],
    ['a key twice', text({ more: ['name: again'] }), /"made\.yaml:6:1": Map keys must be unique/],
    ['a wrong type', text({ line: 1, to: 'version: "1"' }), /"made\.yaml:1:10": version: /],
    ['another version', text({ line: 1, to: 'version: 2' }), /"made\.yaml:1:10": version: /],
    ['a bad name', text({ line: 2, to: 'name: Made Up' }), /"made\.yaml:2:7": name: must be lower-case/],
    ['a path as name', text({ line: 2, to: 'name: ../x' }), /"made\.yaml:2:7": name: /],
    ['an unknown key', text({ more: ['triggers: x'] }), /"made\.yaml:6:1": the file: .*"triggers"/],
    [
      'an unknown key inside',
      text({ more: ['guest:', '  cpus: 2', '  cpu: 2'] }),
      /"made\.yaml:8:\d+": guest: .*"cpu"/,
    ],
    ['a number out of range', text({ more: ['guest: { cpus: 0 }'] }), /"made\.yaml:6:16": guest\.cpus: /],
    [
      'a bad size',
      text({ more: ['guest: { crashkernel: lots }'] }),
      /guest\.crashkernel: must be a size such as 192M/,
    ],
    [
      'a relative path',
      text({ more: ['prove:', '  - read: { path: proc/x, equals: "1" }'] }),
      /"made\.yaml:7:19": prove\.0\.read\.path: must be an absolute guest path/,
    ],
    [
      'a path with a shell in it',
      text({ more: ['prove:', '  - read: { path: "/proc/x; reboot", equals: "1" }'] }),
      /prove\.0\.read\.path/,
    ],
    [
      'a proof that lacks a key: the proof that knows the others is meant',
      text({ more: ['prove:', '  - pin: 3'] }),
      /prove\.0\.is: Invalid input: expected object, received undefined/,
    ],
    ['an unknown trigger', text({ line: 4, to: 'trigger: { kind: magic }' }), /"made\.yaml:4:\d+": trigger/],
    [
      "another trigger's key",
      text({ line: 4, to: 'trigger: { kind: nmi, key: c }' }),
      /"made\.yaml:4:\d+": trigger: .*"key"/,
    ],
    [
      'an unknown verdict',
      text({ line: 5, to: 'expect: { verdict: fine }' }),
      /"made\.yaml:5:20": expect\.verdict: /,
    ],
    ['a second document', `${text()}---\n${text()}`, /made\.yaml:6:1/],
    ['nothing', '', /"made\.yaml:1:1": the file: /],
    ['a list', '- a\n', /"made\.yaml:1:1": the file: /],
  ];
  for (const [what, content, expected] of cases) {
    const message = messageOf(content);
    t.match(message, expected, what);
    t.notMatch(message, /\n/, `${what}: one line`);
  }
});

void t.test('a missing key is reported at the position of its parent', async (t) => {
  t.match(messageOf(text({ line: 4 })), /"made\.yaml:1:1": trigger: /);
  t.match(messageOf(text({ line: 5, to: 'expect: {}' })), /"made\.yaml:5:9": expect\.verdict: /);
});

void t.test('contradictions', async (t) => {
  t.match(
    messageOf(text({ more: ['crashKernel: absent'] })),
    /^cannot read scenario "made\.yaml": it expects "captured" with crashKernel: absent; /,
  );
  t.match(
    messageOf(text({ line: 5, to: 'expect: { verdict: no-panic, quality: clean }' })),
    /expect\.quality belongs to the verdict "captured" only/,
  );
  t.equal(messageOf(text({ line: 5, to: 'expect: { verdict: captured, quality: clean }' })), 'no fault');
  t.match(
    messageOf(text({ line: 5, to: 'expect: { verdict: capture-hang }', more: ['crashKernel: absent'] })),
    /it expects "capture-hang" with crashKernel: absent; /,
    'any verdict of purgatory or the capture kernel',
  );
  t.equal(
    messageOf(text({ line: 5, to: 'expect: { verdict: no-crash-kernel }', more: ['crashKernel: absent'] })),
    'no fault',
  );
});

void t.test('what is for a capture kernel needs one', async (t) => {
  const absent = (...more: string[]) =>
    messageOf(
      text({ line: 5, to: 'expect: { verdict: no-crash-kernel }', more: ['crashKernel: absent', ...more] }),
    );
  t.match(
    absent('guest: { captureAppend: quiet }'),
    /guest\.captureAppend is for a capture kernel, .*; drop/,
  );
  t.match(absent('guest: { captureCmdline: quiet }'), /guest\.captureCmdline is for a capture kernel/);
  t.match(absent('guest: { loadSyscall: kexec_load }'), /guest\.loadSyscall is for a capture kernel/);
  t.match(absent('proveCapture: [{ cpus: { atLeast: 2 } }]'), /proveCapture is for a capture kernel/);
  t.match(absent('prepare: [{ flipCrashImage: { offset: 1 } }]'), /flipCrashImage is for/);
  t.equal(absent('guest: { append: quiet, crashkernel: 64M }'), 'no fault', 'a reservation may be unused');
});

void t.test('how the crash kernel is loaded may not contradict itself', async (t) => {
  const given = (...more: string[]) => messageOf(text({ more }));
  t.match(
    given('guest: { captureCmdline: quiet, captureAppend: nolapic }'),
    /captureCmdline is the whole command line, and guest\.captureAppend adds to it/,
  );
  t.match(
    given('guest: { loadSyscall: kexec_file_load }', 'prepare: [{ flipCrashImage: { offset: 1 } }]'),
    /flipCrashImage needs the place of the crash image, .*; drop guest\.loadSyscall/,
  );
  t.match(given('guest: { loadSyscall: "-s" }'), /loadSyscall/);
  t.equal(given('guest: { captureCmdline: quiet, loadSyscall: kexec_file_load }'), 'no fault');
});

void t.test('files that would expand without end are refused', async (t) => {
  t.match(messageOf(`${text()}# ${'x'.repeat(64 * 1024)}`), /has \d+ characters; keep it under 65536/);
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]'];
  for (let i = 0; i < 8; i++) {
    const [name, last] = [String.fromCharCode(98 + i), String.fromCharCode(97 + i)];
    bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${last}`).join(', ')}]`);
  }
  t.match(messageOf(text({ more: bomb })), /^cannot read scenario "made\.yaml[^\n]*$/, 'aliases of aliases');
});
