import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { RunResult } from '../model/result.js';
import { crashpath, KERNELS, qemusUnder, resultsOf, scratch } from '../testing/crashpath-command.js';

/** Excerpts of a result's evidence, by what it is. */
function evidence(result: RunResult | undefined, what: string): string[] {
  return (result?.evidence ?? []).filter((one) => one.what === what).map(({ excerpt }) => excerpt);
}

t.test('a real ssh session: a checked copy, and a crash in the middle of another', async (t) => {
  const out = await scratch(t);
  const ended = await crashpath(['run', 'ssh-copy', '-k', KERNELS.six1, '--out', out, '--json']);
  t.equal(ended.exitCode, 0, ended.stderr);
  const [result] = resultsOf(ended.stdout);
  t.match(result, { verdict: 'captured', outcome: 'expected' });
  const proofs = evidence(result, 'proof').join('\n');
  t.match(proofs, /logged in through ssh","proved":true/);
  t.match(proofs, /4 MiB was copied through ssh","proved":true,"saw":"[0-9a-f]{64} - 4194304/);
  t.match(proofs, /a copy is under way","proved":true/);
  t.match(
    evidence(result, 'exercise')[0],
    /^eth0: [1-9]\d* interrupts/,
    'the card works in the capture kernel',
  );
  const facts = await readFile(join(result?.directory ?? '', 'host.jsonl'), 'utf8');
  t.match(facts, /"fact":"fired","how":"echo c >\/proc\/sysrq-trigger through ssh/);
  t.strictSame(await qemusUnder(out), [], 'no QEMU is left');
});

t.test('a flooded card whose line is asserted at the panic', async (t) => {
  const out = await scratch(t);
  const ended = await crashpath(['run', 'nic-traffic', '-k', KERNELS.six1, '--out', out, '--json']);
  t.equal(ended.exitCode, 0, ended.stderr);
  const [result] = resultsOf(ended.stdout);
  t.match(result, { verdict: 'captured', quality: 'clean', outcome: 'expected' });
  t.match(evidence(result, 'exercise')[0], /^eth0: [1-9]\d* interrupts, [1-9]\d* frames received$/);
  const facts = await readFile(join(result?.directory ?? '', 'host.jsonl'), 'utf8');
  t.match(facts, /"fact":"source","source":"broadcast frames at 500\/s","state":"stopped","count":[1-9]\d\d/);
});
