import t from 'tap';
import type { LockTaker } from '../../model/lock-takers.js';
import { madeCall, madeRecorded, STOCK_FACTS } from '../../testing/builders/recorded-calls.js';
import { contradictionIn } from '../../trigger/check-choreography.js';
import { confirmingTakers, confirmName, confirmScenario, isSearchable, takersScenario } from './confirm.js';
import { crashLocks, type CrashLock } from './locks.js';
import { CONTEXTS } from './contexts.js';
import { holdOf } from './hold-script.js';
import { type Holder, type Setting } from './script.js';

/** As most sweeps. */
const SETTING: Setting = { context: 'hardirq', cpus: 2 };

const LOCKS = crashLocks([{ facts: STOCK_FACTS, crasher: 0 }]);

function lockOf(name: string): CrashLock {
  const lock = LOCKS.find((one) => one.name === name);
  if (lock === undefined) throw new Error(`no lock ${name}`);
  return lock;
}

const taker = (inside: string, more: Partial<LockTaker> = {}): LockTaker => ({
  ...{ in: inside, offset: 15, callee: '_raw_spin_lock_irqsave', taken: { in: inside, offset: 20 } },
  ...more,
});
const UP = taker('__up_console_sem.constprop.0', { callee: 'up', taken: { in: 'up', offset: 0x25 } });

function stepsOf(lock: string, one: LockTaker, holder: Holder, setting = SETTING) {
  const [confirming] = confirmingTakers([one]);
  if (confirming === undefined) throw new Error('no stimulus');
  const asked = { holder, confirming, setting };
  const { trigger } = confirmScenario(lockOf(lock), confirmName(0, holder, 0), asked);
  if (trigger.kind !== 'choreography') throw new Error('no choreography');
  t.equal(contradictionIn(trigger.steps, setting.cpus), undefined);
  return trigger.steps;
}

t.test(
  'the holder stops before the call, takes the lock after the messages, and gets the NMI behind it',
  async (t) => {
    const steps = stepsOf('console_sem', UP, 'another');
    t.match(steps[0], { stimulate: { script: /^taskset 2 sh -c .*\/dev\/kmsg/ } });
    t.match(steps[1], { hold: { as: 'holder', on: 1, at: { in: UP.in, offset: 15 } } });
    const at = (verb: string) => steps.findIndex((step) => verb in step);
    const taken = steps.findIndex((step) => 'run' in step && step.run.as === 'holder');
    t.ok(at('fire') < taken);
    t.match(steps.slice(taken), [
      { run: { as: 'holder', to: { in: 'up', offset: 0x25 } } },
      { prove: { lock: 'console_sem', held: true } },
      { prove: { role: 'holder', in: 'up' } },
      { run: { as: 'crasher', to: '__const_udelay' } },
      { prove: { role: 'crasher', stackHas: 'nmi_shootdown_cpus' } },
      { prove: { lock: 'console_sem', held: true } },
      { release: 'all' },
    ]);
  },
);

t.test('the panicking CPU takes the lock where it came by itself, and panics there', async (t) => {
  const steps = stepsOf('ioapic_lock', taker('mask_ioapic_irq'), 'itself');
  t.match(steps.slice(1), [
    { hold: { as: 'crasher', at: { in: 'mask_ioapic_irq', offset: 15 } } },
    { run: { as: 'crasher', to: { in: 'mask_ioapic_irq', offset: 20 } } },
    { prove: { lock: 'ioapic_lock', held: true } },
    { prove: { role: 'crasher', in: 'mask_ioapic_irq' } },
    { fire: { role: 'crasher' } },
    { release: 'all' },
  ]);
});

t.test(
  'with any context and number of CPUs; an NMI finds the panicking CPU where it came by itself',
  async (t) => {
    for (const context of CONTEXTS) {
      for (const cpus of [1, 2, 4, 16]) {
        const setting = { context, cpus };
        const itself = stepsOf('console_sem', UP, 'itself', setting);
        t.match(
          itself.find((step) => 'hold' in step),
          { hold: { as: 'crasher', on: cpus === 1 ? 0 : 1 } },
        );
        t.equal(
          itself.some((step) => 'interrupt' in step),
          context === 'nmi',
        );
        const { trigger } = takersScenario([lockOf('console_sem')], setting);
        t.equal(
          trigger.kind === 'choreography' ? contradictionIn(trigger.steps, cpus) : 'no choreography',
          undefined,
        );
        if (cpus > 1) stepsOf('console_sem', UP, 'another', setting);
      }
    }
  },
);

t.test('takers that a stimulus leads to are tried, the likeliest first, one for each function', async (t) => {
  const namesOf = (...takers: LockTaker[]) => confirmingTakers(takers).map((one) => one.taker.in);
  t.strictSame(
    namesOf(
      taker('ioapic_set_affinity'),
      taker('resume_ioapic'),
      taker('mask_ioapic_irq'),
      taker('mask_ioapic_irq'),
    ),
    ['mask_ioapic_irq', 'ioapic_set_affinity'],
  );
  t.strictSame(
    namesOf(taker('mc146818_get_time'), UP),
    [UP.in, 'mc146818_get_time'],
    'an untried stimulus is last',
  );
  t.strictSame(namesOf(taker('no_such_function')), [], 'the general load leads nowhere in particular');
  t.strictSame(
    namesOf(taker('mask_ioapic_irq', { taken: { in: 'a b', offset: 0 } })),
    [],
    'no name for a script',
  );
  const many = ['uart_write', 'uart_start', 'tty_write', 'n_tty_write', 'serial8250_tx_chars'];
  t.equal(confirmingTakers(many.map((name) => taker(name))).length, 4);
});

t.test('a search names each lock with the functions of its kind', async (t) => {
  const { trigger } = takersScenario([lockOf('console_sem'), lockOf('ioapic_lock')], SETTING);
  t.match(trigger, { kind: 'choreography' });
  if (trigger.kind !== 'choreography') return;
  t.equal(contradictionIn(trigger.steps, 2), undefined);
  t.match(
    trigger.steps.find((step) => 'takers' in step),
    {
      takers: [
        { of: 'console_sem', by: ['_raw_spin_lock_irqsave'] },
        { of: 'ioapic_lock', by: ['_raw_spin_lock_irqsave'] },
      ],
    },
  );
  t.equal(
    holdOf(confirmName(3, 'another', 0)),
    undefined,
    'a run that confirms is none with a lock held by force',
  );
});

t.test('a lock of each CPU and an allocated one are not searched', async (t) => {
  const { argument } = madeCall({ at: '_raw_spin_lock' });
  const [perCpu, allocated] = crashLocks([
    {
      crasher: 0,
      facts: [
        madeRecorded('machine_kexec', [
          madeCall({ at: '_raw_spin_lock', data: { symbol: 'runqueues', offset: 0, cpu: 0 } }),
          madeCall({ at: '_raw_spin_lock', argument: `${argument}0` }),
        ]),
      ],
    },
  ]);
  t.strictSame(
    [perCpu, allocated, lockOf('ioapic_lock')].map((lock) => lock && isSearchable(lock)),
    [false, false, true],
  );
});
