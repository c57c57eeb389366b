import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { RunResult } from '../model/result.js';
import { crashpath, KERNELS, resultsOf } from '../testing/crashpath-command.js';
import { scratch } from '../testing/files.js';
import { evidenceOf } from '../testing/guests/run-scenario.js';
import { qemusUnder } from '../testing/processes.js';

/** A panic from a shell; the scenario claims that it happens in the UART's interrupt handler. */
const WRONG_CONTEXT = `version: 1
name: wrong-context
summary: made by a test
prove:
  - panic: { says: sysrq triggered crash, stackHas: serial8250_interrupt }
trigger: { kind: sysrq, key: c }
expect: { verdict: captured }
`;

/** A result's evidence of proofs, established or not. */
function proofs(result: RunResult | undefined, proved: boolean): string[] {
  return evidenceOf(result, 'proof').filter((excerpt) => excerpt.includes(`"proved":${proved}`));
}

t.test('triggers on a stock kernel: in the required context, or void with the reason', async (t) => {
  const out = await scratch(t);
  const made = join(out, 'wrong-context.yaml');
  await writeFile(made, WRONG_CONTEXT);
  const scenarios = ['serial-break', 'softlockup', 'lkdtm-direct-panic', made];
  const ended = await crashpath([
    'run',
    ...scenarios,
    '-k',
    KERNELS.six1,
    '--out',
    join(out, 'runs'),
    '--json',
  ]);
  const results = resultsOf(ended.stdout);
  // In the order in which they ended.
  const [serial, lockup, lkdtm, wrong] = [
    'serial-break',
    'softlockup',
    'lkdtm-direct-panic',
    'wrong-context',
  ].map((name) => results.find(({ scenario }) => scenario === name));
  t.equal(results.length, 4, ended.stderr);

  t.match(serial, { scenario: 'serial-break', verdict: 'captured', outcome: 'expected' });
  t.ok(proofs(serial, true).some((proof) => /stack has serial8250_interrupt/.test(proof)));

  t.match(lockup, { scenario: 'softlockup', verdict: 'captured', outcome: 'expected' });
  t.ok(proofs(lockup, true).some((proof) => /the panic says .*softlockup: hung tasks/.test(proof)));
  t.ok(proofs(lockup, true).some((proof) => /stack has uptime_proc_show/.test(proof)));

  t.match(lkdtm, { verdict: 'void', detail: 'state-not-proved', outcome: 'inconclusive' });
  t.match(lkdtm?.explanation, /this kernel has lkdtm \(saw .*CONFIG_LKDTM/);

  t.match(wrong, { verdict: 'void', detail: 'state-not-proved' });
  t.match(wrong?.explanation, /stack has serial8250_interrupt \(saw .*sysrq_handle_crash/);
  t.equal(ended.exitCode, 2);
  t.strictSame(await qemusUnder(out), [], 'no QEMU is left');
});
