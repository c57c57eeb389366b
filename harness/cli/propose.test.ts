/** The words of `crashpath propose`: drafts, mistakes, exit codes. No guest runs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { readScenario } from '../plan/read-scenario.js';
import { STACKS, WITH_RELATION } from '../testing/builders/proposals.js';
import { madeHost } from '../testing/builders/command-host.js';
import { crashpathInProcess } from '../testing/command-in-process.js';
import { TESTDATA } from '../testing/recordings/fixtures.js';
import { proposeExitCode } from './actions/propose.js';

const propose = (...words: string[]) => crashpathInProcess(['propose', ...words]);

t.test('a draft on stdout, in a file, in JSON', async (t) => {
  const out = join(t.testdir({}), 'draft.yaml');
  for (const name of WITH_RELATION) {
    const { exitCode, stdout, stderr } = await propose(join(STACKS, name));
    t.match({ exitCode, stderr }, { exitCode: 0, stderr: '' }, name);
    t.match(readScenario(stdout, name), { version: 1 });
  }
  const [mail] = WITH_RELATION;
  const plain = await propose(join(STACKS, mail));
  const written = await propose(join(STACKS, mail), '-o', out);
  t.match(written, { exitCode: 0, stdout: '', stderr: /CPU4 panics and waits for ioapic_lock.*draft: /s });
  t.equal(readFileSync(out, 'utf8'), plain.stdout);
  const json = await propose(join(STACKS, mail), '--json');
  const Shape = z.object({
    schema: z.literal(1),
    relation: z.object({ kind: z.string(), lock: z.string() }),
    scenario: z.string(),
  });
  t.match(Shape.parse(JSON.parse(json.stdout)), {
    relation: { kind: 'other-cpu', lock: 'ioapic_lock' },
    scenario: plain.stdout,
  });
});

t.test('a run that hung', async (t) => {
  const { exitCode, stdout } = await propose(join(TESTDATA, 'crash-path-hang-ioapic-lock'));
  t.equal(exitCode, 0);
  t.match(readScenario(stdout, 'x'), { name: 'proposed-ioapic-lock-held' });
});

t.test('stacks without a relation: what is missing, exit code 2', async (t) => {
  const alone = await propose(join(STACKS, 'mail-no-holder.txt'));
  t.match(alone, {
    exitCode: 2,
    stdout: '',
    stderr: /^no proposal: CPU3 waits in hpet_disable for hpet_lock, and no stack shows who holds it$/m,
  });
  const panic = await propose(join(STACKS, 'log-panic-only.txt'), '--json');
  t.equal(panic.exitCode, 2);
  t.match(JSON.parse(panic.stdout), {
    relation: null,
    missing: [/CPU 3 panics, but does not wait/, /.*/],
    exitCode: 2,
  });
  t.match(await propose(join(TESTDATA, 'captured-6.1')), {
    exitCode: 64,
    stderr: /no stack of a CPU is in it/,
  });
});

t.test('bad input: one line, exit code 64', async (t) => {
  const dir = t.testdir({
    empty: '',
    prose: 'The machine hangs. CPU 1 is to blame.\n',
    gz: Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]),
    image: Buffer.alloc(4096),
    json: '{"version": 1}',
    run: { 'plan.json': '{}' },
  });
  const refused: Readonly<Record<string, RegExp>> = {
    empty: /no stack of a CPU is in it; give a kernel log/,
    prose: /no stack of a CPU is in it/,
    json: /no stack of a CPU is in it/,
    gz: /it is compressed; decompress it, e\.g\. zcat FILE \| crashpath propose -/,
    image: /it is no text/,
    run: /no stack of a CPU is in it/,
    nothing: /no such file or directory \(ENOENT\)/,
  };
  for (const [name, says] of Object.entries(refused)) {
    const { exitCode, stderr, stdout } = await propose(join(dir, name));
    t.match(
      { exitCode, stdout, lines: stderr.trim().split('\n').length },
      { exitCode: 64, stdout: '', lines: 1 },
      name,
    );
    t.match(stderr, says, name);
  }
  t.match(await propose('no-such-run'), { exitCode: 64, stderr: /neither a file nor a run/ });
  const host = await madeHost(t);
  t.match(await host.process(['propose', '-']), {
    exitCode: 64,
    stderr: /cannot propose from "-": no stack of a CPU/,
  });
  t.match(await propose('/dev/zero'), { exitCode: 64, stderr: /it is not a file; pipe it/ });
});

t.test('options are obeyed or refused', async (t) => {
  const mail = join(STACKS, 'mail-arrows.txt');
  const refused: readonly (readonly [words: string[], says: RegExp])[] = [
    [[mail, '-k', 'debian:6.1'], /cannot use --kernel with .*: nothing is run; add --try/],
    [[mail, '--tries', '3', '--accel', 'tcg'], /cannot use --tries --accel with/],
    [[mail, '--try'], /no kernel is given; give --kernel/],
    [[mail, '--try', '-k', 'x', '--jobs', '2'], /--jobs "2": each run decides the next one/],
    [[mail, '--try', '-k', 'x', '--host', 'ssh://h'], /--host "ssh:\/\/h"/],
    [[mail, '--tries', '0'], /--tries "0": it is not a whole number from 1/],
    [[], /it needs an argument/],
  ];
  for (const [words, says] of refused) {
    const { exitCode, stderr } = await propose(...words);
    t.equal(exitCode, 64, words.slice(1).join(' '));
    t.match(stderr, says);
  }
  const directory = await propose(mail, '-o', t.testdir({}));
  t.match(directory, { exitCode: 3, stderr: /cannot write the scenario .*; choose another --output/ });
  const host = await madeHost(t);
  const tried = await host.crashpath(['propose', mail, '--try', '-k', './no-kernel']);
  t.match(tried, { exitCode: 64, stderr: /no-kernel/ }, 'a kernel that is not there');
});

t.test('exit codes of tries', async (t) => {
  const of = (...kinds: ('reproduced' | 'other-end' | 'failed' | 'void')[]) =>
    proposeExitCode([
      {
        attempts: kinds.map((kind) => ({
          outcome: kind === 'void' ? { kind, obstacle: { kind: 'other' as const } } : { kind },
        })),
      },
    ]);
  t.equal(of('void', 'other-end', 'reproduced'), 0);
  t.equal(of('void', 'other-end', 'failed'), 1);
  t.equal(of('void', 'void', 'failed'), 2);
  t.equal(of('failed', 'failed'), 3);
  t.equal(of(), 2, 'nothing was run');
});
