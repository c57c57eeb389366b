import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { RecordedFactSchema } from '../model/recorded-calls.js';
import { crashLocks } from '../sweep/crash-locks/locks.js';
import { recordScenario } from '../sweep/crash-locks/record-script.js';
import { type Setting } from '../sweep/crash-locks/script.js';
import { scratch } from '../testing/files.js';
import { evidenceOf, type RealRun, runScenario } from '../testing/guests/run-scenario.js';

/** Runs a recording of a sweep: the spinlock functions, which every crash path calls. */
async function recorded(t: Test, setting: Setting): Promise<RealRun> {
  const file = join(await scratch(t), 'recording.yaml');
  // JSON is YAML.
  await writeFile(file, JSON.stringify(recordScenario(0, setting)));
  return runScenario(t, file);
}

// A timer interrupt with two CPUs is in choreography.test.ts.
for (const { context, cpus, proof } of [
  { context: 'task', cpus: 2, proof: /crasher's stack has do_syscall_64.*"proved":true/ },
  {
    context: 'softirq',
    cpus: 4,
    proof: /crasher's stack has __do_softirq or handle_softirqs.*"proved":true/,
  },
  { context: 'nmi', cpus: 1, proof: /crasher's stack has exc_nmi.*"proved":true/ },
] as const) {
  t.test(`the locks of a crash path in context ${context}, with ${cpus} vCPUs`, async (t) => {
    const { result, facts } = await recorded(t, { context, cpus });
    t.match(result, { verdict: 'captured' }, result.explanation);
    t.ok(evidenceOf(result, 'proof').some((line) => proof.test(line)));
    const parts = facts
      .filter((line) => line.includes('"fact":"recorded"'))
      .map((line) => RecordedFactSchema.parse(JSON.parse(line)));
    t.match(parts, [
      { reached: true, to: 'nmi_shootdown_cpus' },
      { reached: true, to: 'machine_kexec' },
    ]);
    const sites = crashLocks([{ facts: parts, crasher: 0 }]).flatMap((lock) =>
      lock.sites.map((site) => ({ lock: lock.name, ...site })),
    );
    t.match(
      sites.filter(({ lock }) => lock === 'ioapic_lock')[0],
      { phase: 'after the shootdown', inNmi: context === 'nmi' },
      'the IO-APIC is disabled, in the context of the panic',
    );
    t.equal(
      sites.some(({ inNmi }) => inNmi),
      context === 'nmi',
    );
  });
}
