import t from 'tap';
import { evidenceOf, runScenario } from '../testing/guests/run-scenario.js';
import { qemusUnder } from '../testing/processes.js';

t.test('a real ssh session: a checked copy, and a crash in the middle of another', async (t) => {
  const { result, exitCode, stderr, facts, out } = await runScenario(t, 'ssh-copy');
  t.equal(exitCode, 0, stderr);
  t.match(result, { verdict: 'captured', outcome: 'expected' });
  const proofs = evidenceOf(result, 'proof').join('\n');
  t.match(proofs, /logged in through ssh","proved":true/);
  t.match(proofs, /4 MiB was copied through ssh","proved":true,"saw":"[0-9a-f]{64} - 4194304/);
  t.match(proofs, /a copy is under way","proved":true/);
  t.match(
    evidenceOf(result, 'exercise')[0],
    /^eth0: [1-9]\d* interrupts/,
    'the card works in the capture kernel',
  );
  t.match(facts.join('\n'), /"fact":"fired","how":"echo c >\/proc\/sysrq-trigger through ssh/);
  t.strictSame(await qemusUnder(out), [], 'no QEMU is left');
});

t.test('a flooded card whose line is asserted at the panic', async (t) => {
  const { result, exitCode, stderr, facts } = await runScenario(t, 'nic-traffic');
  t.equal(exitCode, 0, stderr);
  t.match(result, { verdict: 'captured', quality: 'clean', outcome: 'expected' });
  t.match(evidenceOf(result, 'exercise')[0], /^eth0: [1-9]\d* interrupts, [1-9]\d* frames received$/);
  t.match(
    facts.join('\n'),
    /"fact":"source","source":"broadcast frames at 500\/s","state":"stopped","count":[1-9]\d\d/,
  );
});
