import t from 'tap';
import { Fault } from '../model/fault.js';
import { readScenarios } from './read-scenarios.js';

const BASE = [
  'version: 1',
  'name: made',
  'summary: "${type} at ${point}, not ${other}"',
  'prepare:',
  '  - script: "echo ${type}"',
  'trigger: { kind: lkdtm, point: "${point}", type: "${type}" }',
  'expect: { verdict: captured }',
];

const textWith = (key: string, blocks: readonly string[]) =>
  [...BASE, `${key}:`, ...blocks.map((line) => `  - ${line}`), ''].join('\n');
const text = (...blocks: string[]) => textWith('members', blocks);

function messageOf(content: string): string {
  try {
    readScenarios(content, 'made.yaml');
  } catch (error) {
    if (error instanceof Fault && error.kind === 'usage') return error.message;
    throw error;
  }
  return 'no fault';
}

void t.test('members: one scenario for each combination of the values of the axes', async (t) => {
  const scenarios = readScenarios(
    text(
      'axes: { point: [DIRECT, INT_HW_IRQ_EN], type: [PANIC, BUG] }',
      '{ axes: { point: [X], type: [PANIC] }, set: { prepare: [{ script: more }], trigger: { stimulus: "s ${point}" }, watchMs: 900 } }',
    ),
    'made.yaml',
  );
  t.strictSame(
    scenarios.map(({ name }) => name),
    [
      'made-direct-panic',
      'made-direct-bug',
      'made-int-hw-irq-en-panic',
      'made-int-hw-irq-en-bug',
      'made-x-panic',
    ],
  );
  t.match(scenarios[2], {
    summary: 'PANIC at INT_HW_IRQ_EN, not ${other}',
    prepare: [{ script: 'echo PANIC' }],
    trigger: { kind: 'lkdtm', point: 'INT_HW_IRQ_EN', type: 'PANIC' },
    watchMs: undefined,
  });
  t.match(
    scenarios[4],
    {
      prepare: [{ script: 'echo PANIC' }, { script: 'more' }],
      trigger: { kind: 'lkdtm', point: 'X', type: 'PANIC', stimulus: 's X' },
      watchMs: 900,
    },
    "a block's own settings go over the file's",
  );
});

void t.test('a file without members is one scenario', async (t) => {
  t.match(readScenarios(BASE.map((line) => line.replaceAll(/\$\{\w+\}/g, 'X')).join('\n'), 'made.yaml'), {
    length: 1,
    0: { name: 'made' },
  });
});

void t.test('the key of older files', async (t) => {
  const blocks = ['axes: { point: [X, Y], type: [PANIC] }'];
  t.strictSame(
    readScenarios(textWith('matrix', blocks), 'made.yaml'),
    readScenarios(text(...blocks), 'made.yaml'),
  );
  t.match(
    messageOf(textWith('matrix', ['axes: { point: [], type: [PANIC] }'])),
    /"made\.yaml": matrix\.0\.axes\.point: /,
    'a mistake is named as the file spells it',
  );
  t.match(
    messageOf(`${textWith('matrix', blocks)}members: [{ axes: { point: [Z], type: [BUG] } }]`),
    /"made\.yaml": "matrix" is the former name of "members", and it has both; drop one of them/,
  );
});

void t.test('mistakes', async (t) => {
  t.match(messageOf(text('axes: { point: [], type: [PANIC] }')), /"made\.yaml": members\.0\.axes\.point: /);
  t.match(
    messageOf(text('{ axes: { point: [X], type: [P] }, sets: {} }')),
    /"made\.yaml": members\.0: .*"sets"/,
  );
  t.match(
    messageOf(text('axes: { point: [X], type: [PANIC] }', 'axes: { point: [X], type: [PANIC] }')),
    /it has "made-x-panic" twice/,
  );
  t.match(
    messageOf(text('axes: { point: [lower], type: [PANIC] }')),
    /"made\.yaml, made-lower-panic:\d+:\d+": trigger\.point: must be a name such as INT_HW_IRQ_EN/,
  );
  t.match(
    messageOf(text('{ axes: { point: [X], type: [P] }, set: { watchMs: soon } }')),
    /made-x-p:\d+:\d+": watchMs: /,
  );
  const numbers = Array.from({ length: 20 }, (_, index) => index).join(', ');
  t.match(
    messageOf(text(`axes: { point: [${numbers}], type: [${numbers}] }`)),
    /has 400 members; keep it under 256/,
  );
  t.match(messageOf('matrix: ['), /"made\.yaml:1:\d+": .*; correct the YAML there/, 'bad YAML has its place');
});
