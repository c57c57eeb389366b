import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { type MadeHost, madeHost } from '../testing/builders/command-host.js';
import { CRASHPATH } from '../testing/crashpath-command.js';
import { logFixtures } from '../testing/recordings/log-fixtures.js';

t.setTimeout(300_000);

const fixtures = await logFixtures();
const log = (name: string) => {
  const fixture = fixtures.find((candidate) => candidate.name === name);
  if (fixture === undefined) throw new Error(`there is no log ${name}`);
  return fixture.bytes;
};
const JsonSchema = z.strictObject({
  schema: z.literal(1),
  log: z.string(),
  bytes: z.number(),
  lines: z.number(),
  boots: z.number(),
  moreCrashes: z.number(),
  unarmed: z.array(z.unknown()),
  crashes: z.array(
    z.strictObject({
      boot: z.number(),
      release: z.string().nullable(),
      kernel: z.enum(['first', 'capture', 'unknown']),
      lines: z.strictObject({ first: z.number(), last: z.number() }),
      loaded: z.boolean().nullable(),
      verdict: z.string(),
      detail: z.string(),
      explanation: z.string(),
      toDecide: z.array(z.string()),
      phases: z.array(z.strictObject({ phase: z.string(), how: z.string(), line: z.number() })),
      evidence: z.array(z.strictObject({ line: z.number(), what: z.string(), text: z.string() })),
      stacks: z.array(
        z.strictObject({
          line: z.number(),
          cpu: z.number().nullable(),
          comm: z.string().nullable(),
          frames: z.array(
            z.strictObject({ function: z.string(), label: z.string(), interrupted: z.boolean() }),
          ),
        }),
      ),
      causes: z.array(
        z.strictObject({
          name: z.string(),
          what: z.string(),
          remedy: z.string(),
          source: z.string(),
          line: z.number(),
          text: z.string(),
        }),
      ),
      next: z.array(z.strictObject({ command: z.string(), why: z.string() })),
    }),
  ),
});

async function hostWithLogs(t: Test): Promise<MadeHost> {
  const host = await madeHost(t);
  for (const name of ['near-quotations', 'dracut-dump-saved', 'locked-down', 'reboot-without-a-word'])
    await writeFile(join(host.here, `${name}.log`), log(name));
  return host;
}

void t.test('exit codes', async (t) => {
  const host = await hostWithLogs(t);
  const codeOf = async (...names: string[]) =>
    (await host.crashpath(['read', ...names.map((name) => `${name}.log`)])).exitCode;
  t.equal(await codeOf('near-quotations'), 0, 'no crash');
  t.equal(await codeOf('dracut-dump-saved'), 0, 'a saved dump is reported');
  t.equal(await codeOf('locked-down'), 1, 'a crash without a dump');
  t.equal(await codeOf('reboot-without-a-word'), 2, 'undetermined');
  t.equal(await codeOf('dracut-dump-saved', 'reboot-without-a-word'), 2);
  t.equal(await codeOf('reboot-without-a-word', 'locked-down', 'near-quotations'), 1, '1 takes precedence');
});

void t.test('JSON: one object for each log, in order', async (t) => {
  const host = await hostWithLogs(t);
  const { stdout, stderr } = await host.crashpath([
    'read',
    '--json',
    'locked-down.log',
    'near-quotations.log',
  ]);
  t.equal(stderr, '');
  const [locked, near, ...more] = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JsonSchema.parse(JSON.parse(line)));
  t.match(locked, { log: 'locked-down.log', crashes: [{ verdict: 'no-crash-kernel', loaded: false }] });
  t.match(near, { log: 'near-quotations.log', crashes: [] });
  t.strictSame(more, []);
  for (const fixture of fixtures) {
    await writeFile(join(host.here, 'x.log'), fixture.bytes);
    const read = await host.crashpath(['read', '--json', 'x.log']);
    t.doesNotThrow(() => JsonSchema.parse(JSON.parse(read.stdout)), fixture.name);
  }
});

void t.test('compressed logs, also cut ones, and stdin', async (t) => {
  const host = await hostWithLogs(t);
  const bytes = log('locked-down');
  await writeFile(join(host.here, 'a.gz'), gzipSync(bytes));
  await writeFile(
    join(host.here, 'two.gz'),
    Buffer.concat([gzipSync(bytes.subarray(0, 300)), gzipSync(bytes.subarray(300))]),
  );
  for (const name of ['a.gz', 'two.gz']) {
    const { exitCode, stderr, stdout } = await host.crashpath(['read', name]);
    t.strictSame([exitCode, stderr], [1, '']);
    t.match(stdout, /^verdict +no-crash-kernel: panic-ended$/m);
  }
  const noise = Array.from(
    { length: 40_000 },
    (_, index) => `[    1.${String((index * 7919) % 1_000_000).padStart(6, '0')}] x${index}`,
  );
  const large = gzipSync(
    Buffer.from(`${log('near-quotations').toString('latin1')}${noise.join('\n')}\n`, 'latin1'),
  );
  await writeFile(join(host.here, 'cut.gz'), large.subarray(0, large.length - 1_000));
  const cut = await host.crashpath(['read', 'cut.gz']);
  t.equal(cut.exitCode, 0);
  t.equal(cut.stderr, 'cut.gz: its gzip data ends early or is damaged; it is read as far as it goes\n');
  const [program, ...before] = CRASHPATH;
  const piped = await execa(program, [...before, 'read', '-'], {
    input: bytes,
    reject: false,
    env: { NO_COLOR: '1' },
  });
  t.equal(piped.exitCode, 1);
  t.match(piped.stdout, /^stdin: \d+ lines, 1 boot, 1 crash$/m);
});

void t.test('what is no log is refused in one line, and the other logs are read', async (t) => {
  const host = await hostWithLogs(t);
  await mkdir(join(host.here, 'dir'));
  for (const [name, bytes] of Object.entries({
    empty: '',
    text: 'a letter\n',
    'x.png': '\u0089PNG\r\n\u001a\n',
    'x.xz': '\u00fd7zXZ\u0000',
    vmcore: '\u007fELF\u0002',
    damaged: '\u001f\u008bxxxxxxxxxxxx',
    zeros: '\u0000'.repeat(9999),
    random: Array.from({ length: 9999 }, (_, index) => String.fromCharCode((index * index * 31) % 256)).join(
      '',
    ),
  }))
    await writeFile(join(host.here, name), Buffer.from(bytes, 'latin1'));
  for (const [name, says] of [
    ['empty', /it is empty;/],
    ['text', /no line of it \(1\) looks like a kernel's/],
    ['x.png', /it is a PNG image;/],
    ['x.xz', /it is compressed with xz; xz -dc x\.xz \| crashpath read -/],
    ['vmcore', /it is an ELF file;/],
    ['damaged', /its gzip data is damaged/],
    ['zeros', /looks like a kernel's/],
    ['random', /looks like a kernel's/],
    ['dir', /it is a directory;/],
    ['missing', /no such file or directory/],
    ['/dev/zero', /it is a device/],
    ['miss\u001b[31ming', /no such file/],
  ] as const) {
    const { exitCode, stdout, stderr } = await host.crashpath(['read', name]);
    t.strictSame([exitCode, stdout], [64, ''], name);
    t.match(stderr, /^crashpath: cannot read "[^\n]*": [^\n]+; [^\n]+\n$/, `one line for ${name}`);
    t.match(stderr, says);
    t.notMatch(stderr, /[^\x20-\x7e\n]/, 'printable');
  }
  const both = await host.crashpath(['read', 'empty', 'locked-down.log']);
  t.equal(both.exitCode, 64);
  t.match(both.stdout, /no-crash-kernel/);
  t.match((await host.crashpath(['read'])).stderr, /^crashpath: cannot /);
  t.equal((await host.crashpath(['read', '-', '-'])).exitCode, 64);
});
