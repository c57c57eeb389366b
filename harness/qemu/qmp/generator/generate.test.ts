import t from 'tap';
import { generateQmpTypes, type SchemaEntry } from './generate.js';
import type { QmpClient } from '../index.js';

const BUILTINS: SchemaEntry[] = [
  { name: 'str', 'meta-type': 'builtin', 'json-type': 'string' },
  { name: 'int', 'meta-type': 'builtin', 'json-type': 'int' },
  { name: 'any', 'meta-type': 'builtin', 'json-type': 'value' },
  { name: 'null', 'meta-type': 'builtin', 'json-type': 'null' },
  { name: '0', 'meta-type': 'object', members: [] },
];

/** The text without layout, which the formatter makes. */
function generated(...entries: SchemaEntry[]): string {
  return generateQmpTypes([...BUILTINS, ...entries], '1.2.3').replaceAll(/\s+/gu, ' ');
}

void t.test('commands, optional members, names that are no identifiers', async (t) => {
  const text = generated(
    { name: 'z-last', 'meta-type': 'command', 'arg-type': '0', 'ret-type': 'str', features: ['deprecated'] },
    { name: 'a', 'meta-type': 'command', 'arg-type': '1', 'ret-type': '[2]', 'allow-oob': true },
    { name: 'STOP', 'meta-type': 'event', 'arg-type': '0' },
    {
      name: '1',
      'meta-type': 'object',
      members: [
        { name: 'must-be', type: 'int' },
        { name: 'may', type: 'any', default: null },
        { name: 'can', type: 'str', default: null, features: ['unstable'] },
      ],
    },
    { name: '[2]', 'meta-type': 'array', 'element-type': '2' },
    { name: '2', 'meta-type': 'enum', values: ['x', "it's"] },
  );
  t.match(text, 'query-qmp-schema of QEMU 1.2.3.');
  t.match(
    text,
    "a: { args: { readonly 'must-be': number; readonly may?: unknown; /** Unstable: QEMU may change it without notice. */ " +
      "readonly can?: string | undefined; }; returns: readonly ('x' | 'it\\'s')[] }; " +
      "/** @deprecated by QEMU */ 'z-last': { args: Record<string, never>; returns: string };",
    'sorted by name',
  );
  t.match(text, 'QmpEvents { STOP: Record<string, never>; }');
  t.match(text, "QmpOobCommandName = 'a';");
});

void t.test('a union is one branch per variant; cases without members share one', async (t) => {
  const text = generated(
    { name: 'add', 'meta-type': 'command', 'arg-type': '1', 'ret-type': '0' },
    {
      name: '1',
      'meta-type': 'object',
      tag: 'type',
      members: [
        { name: 'type', type: '2' },
        { name: 'id', type: 'str' },
      ],
      variants: [
        { case: 'tap', type: '3' },
        { case: 'user', type: '0' },
      ],
    },
    { name: '2', 'meta-type': 'enum', values: ['tap', 'user', 'none'] },
    { name: '3', 'meta-type': 'object', members: [{ name: 'ifname', type: 'str' }] },
  );
  t.match(
    text,
    "args: { readonly id: string; } & (({ readonly type: 'tap' } & ({ readonly ifname: string; })) | " +
      "{ readonly type: 'none' | 'user' })",
  );
});

void t.test('recursion, direct and through arrays and alternates, ends in a name', async (t) => {
  const text = generated(
    { name: 'walk', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '1' },
    { name: 'list', 'meta-type': 'command', 'arg-type': '0', 'ret-type': '[1]' },
    {
      name: '1',
      'meta-type': 'object',
      members: [
        { name: 'children', type: '[1]' },
        { name: 'parent', type: '2', default: null },
      ],
    },
    { name: '[1]', 'meta-type': 'array', 'element-type': '1' },
    { name: '2', 'meta-type': 'alternate', members: [{ type: 'null' }, { type: '1' }] },
  );
  t.match(
    text,
    'export type ListReturns = { readonly children: readonly (ListReturns)[]; ' +
      'readonly parent?: (null) | (ListReturns) | undefined; };',
  );
  t.match(text, 'walk: { args: Record<string, never>; returns: ListReturns };');
});

void t.test('neither the numbers nor the order of the schema show', async (t) => {
  const schema = (numbers: readonly [string, string]): SchemaEntry[] => [
    { name: 'b', 'meta-type': 'command', 'arg-type': numbers[0], 'ret-type': numbers[1] },
    { name: 'a', 'meta-type': 'command', 'arg-type': numbers[0], 'ret-type': numbers[1] },
    { name: numbers[0], 'meta-type': 'object', members: [{ name: 'x', type: numbers[1] }] },
    { name: numbers[1], 'meta-type': 'enum', values: ['p', 'q'] },
  ];
  t.equal(generated(...schema(['1', '2'])), generated(...schema(['77', '3']).toReversed()));
});

void t.test('a dangling type is an error', async (t) => {
  t.throws(() => generated({ name: 'E', 'meta-type': 'event', 'arg-type': '99' }), {
    name: 'RangeError',
    message: /does not define type "99"/u,
  });
});

/** Never called: the compiler is the test. */
export async function typesHold(client: QmpClient): Promise<void> {
  await client.execute('stop');
  await client.execute('stop', {}, { deadlineMs: 1 });
  await client.execute('screendump', { filename: 'x.ppm' });
  await client.execute('device_add', { driver: 'e1000', netdev: 'n0' });
  await client.execute('netdev_add', { type: 'user', id: 'n0', restrict: true });
  const text: string = await client.execute('human-monitor-command', { 'command-line': 'info irq' });
  const status = (await client.execute('query-status')).status;
  const known: boolean = status === 'running' || status === 'guest-panicked';
  // @ts-expect-error -- a mandatory argument is missing
  await client.execute('human-monitor-command', {});
  // @ts-expect-error -- all arguments are missing
  await client.execute('screendump');
  // @ts-expect-error -- no such argument
  await client.execute('stop', { now: true });
  // @ts-expect-error -- no such command
  await client.execute('no-such-command');
  // @ts-expect-error -- not executable out of band
  await client.executeOob('stop');
  // @ts-expect-error -- a member of another variant
  await client.execute('netdev_add', { type: 'user', id: 'n0', ifname: 'tap0' });
  const { data } = await client.waitForEvent('SHUTDOWN', { predicate: ({ data: { guest } }) => guest });
  const guest: boolean = data.guest;
  // @ts-expect-error -- no such event
  await client.waitForEvent('NO_SUCH_EVENT');
  const anything: unknown = await client.executeRaw('no-such-command', { any: 1 });
  await client.executeRaw(`${text}${status}${String(guest)}${String(known)}${String(anything)}`);
}
