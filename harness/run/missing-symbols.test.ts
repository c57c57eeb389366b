import t, { type Test } from 'tap';
import { keepSymbols } from '../guest/symbol-cache.js';
import { MissingAbility } from '../machine/machine.js';
import type { Scenario } from '../plan/scenario.js';
import { madePlan } from '../testing/builders/runs.js';
import { executeRun } from './execute-run.js';

const KALLSYMS = ['ffffffff81000000 T panic', 'ffffffff81001000 T sysvec_apic_timer_interrupt', ''].join(
  '\n',
);

/** A run of a choreography at `at` with these symbols in the cache, on a machine that never opens. */
async function run(t: Test, at: string, more: Partial<Scenario> = {}) {
  const cacheDir = t.testdir({ run: {} });
  const trigger: Scenario['trigger'] = {
    kind: 'choreography',
    steps: [{ hold: { as: 'crasher', at } }, { fire: { role: 'crasher', aloneMs: 0 } }, { release: 'all' }],
  };
  const plan = madePlan({ scenario: { trigger, ...more } });
  await keepSymbols(cacheDir, plan.kernel.sha256, KALLSYMS);
  let opened = false;
  const { verdict, detail, explanation } = await executeRun(plan, `${cacheDir}/run`, {
    cacheDir,
    open: async () => {
      opened = true;
      throw new MissingAbility('debugger', 'made');
    },
  });
  return { opened, verdict, detail, explanation };
}

t.test('a misspelt function ends the run before the machine is opened', async (t) => {
  t.match(await run(t, 'sysvec_apic_timer_interupt'), {
    opened: false,
    verdict: 'void',
    detail: 'state-not-proved',
    explanation: /scenario names \(saw sysvec_apic_timer_interupt: .* nearest: sysvec_apic_timer_interrupt/,
  });
});

t.test('near misses: a function that exists, and one that a module may bring', async (t) => {
  t.match(await run(t, 'sysvec_apic_timer_interrupt'), { opened: true });
  t.match(await run(t, 'e1000_intr', { prepare: [{ script: 'insmod /e1000.ko' }] }), { opened: true });
});
