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

/** A script that dies of another panic than the scenario says, and one that fails. */
const MADE_SCRIPTS = {
  'other-panic': 'echo c >/proc/sysrq-trigger',
  'failing-script': 'no-such-program --crash',
} as const;

t.test('scripts, machine checks and policies: what happened is proved, or the run is void', async (t) => {
  const out = await scratch(t);
  const made = await Promise.all(
    Object.entries(MADE_SCRIPTS).map(async ([name, run]) => {
      const path = join(out, `${name}.yaml`);
      const scenario = {
        ...{ version: 1, name, summary: 'made by a test', prove: [{ panic: { says: 'panic_on_oom' } }] },
        ...{ trigger: { kind: 'script', run }, expect: { verdict: 'captured' } },
      };
      await writeFile(path, JSON.stringify(scenario));
      return path;
    }),
  );
  const shipped = ['mce-amd-fatal', 'panic-on-oops-0', 'panic-on-oom-1'];
  const runs = join(out, 'runs');
  const ended = await crashpath(['run', ...shipped, ...made, '-k', KERNELS.six1, '--out', runs, '--json']);
  const results = resultsOf(ended.stdout);
  t.equal(results.length, 5, ended.stderr);
  const of = (name: string) => results.find(({ scenario }) => scenario === name);

  const mce = of('mce-amd-fatal');
  t.match(mce, { verdict: 'captured', outcome: 'expected' });
  t.ok(proofs(mce, true).some((proof) => /the panic says .*Fatal local machine check/.test(proof)));
  const oops = of('panic-on-oops-0');
  t.match(oops, { verdict: 'no-panic', detail: 'still-answers', outcome: 'expected' });
  t.ok(proofs(oops, true).some((proof) => /after the watch.*RIP: 0010:strlen/.test(proof)));
  const oom = of('panic-on-oom-1');
  t.match(oom, { verdict: 'captured', outcome: 'expected' });

  t.match(of('other-panic'), { verdict: 'void', detail: 'state-not-proved' });
  t.match(of('other-panic')?.explanation, /saw .*sysrq triggered crash/);
  t.match(of('failing-script'), { verdict: 'void', detail: 'state-not-proved' });
  t.match(of('failing-script')?.explanation, /the script did not fail \(saw status 127: .*not found/);
  t.strictSame(await qemusUnder(out), [], 'no QEMU is left');
});
