import t from 'tap';
import { parse } from 'yaml';
import { readScenario } from '../plan/read-scenario.js';
import { relationFrom, WITH_RELATION } from '../testing/builders/proposals.js';
import { type Choices, firstChoices, keyOf } from './choices.js';
import { draftText } from './draft.js';
import { nextChoices, type Tried } from './variations.js';

t.test('every draft and every variation is a scenario', async (t) => {
  for (const name of WITH_RELATION) {
    const relation = relationFrom(name);
    const tried: Tried[] = [];
    const seen = new Set<string>();
    for (;;) {
      const choices = nextChoices(relation, tried);
      if (choices === undefined) break;
      const text = draftText(relation, choices, { origin: name });
      t.match(readScenario(text, name), {
        expect: { verdict: 'captured' },
        trigger: { kind: 'choreography' },
      });
      t.notOk(seen.has(keyOf(choices)), `${name}: nothing is tried twice`);
      seen.add(keyOf(choices));
      tried.push({ choices, outcome: { kind: 'other-end' } });
    }
    t.ok(seen.size >= 4 && seen.size < 64, `${name}: ${seen.size} variations`);
  }
});

t.test("the thread's mail: what an expert wrote of it", async (t) => {
  const relation = relationFrom('mail-arrows.txt');
  const scenario = readScenario(
    draftText(relation, firstChoices(relation), { origin: 'mail.txt' }),
    'draft.yaml',
  );
  const names = ['mask_IO_APIC_irq_desc', 'mask_IO_APIC_irq', 'mask_ioapic_irq'];
  t.strictSame(scenario.name, 'proposed-ioapic-lock-held');
  t.match(scenario.prepare, [{ script: /ttyS0/ }]);
  t.match(scenario.trigger, {
    steps: [
      { stimulate: { script: /smp_affinity/ } },
      { hold: { as: 'holder', at: { after: ['_raw_spin_lock_irqsave', /^class_raw_spinlock/], in: names } } },
      { prove: { lock: 'ioapic_lock', held: true } },
      { prove: { role: 'holder', in: names } },
      { prove: { role: 'holder', interrupts: 'off' } },
      {
        run: {
          as: 'crasher',
          to: ['sysvec_apic_timer_interrupt', 'smp_apic_timer_interrupt'],
          orElse: 'stay',
        },
      },
      { prove: { lock: 'ioapic_lock', held: true } },
      { fire: { role: 'crasher', aloneMs: 0 } },
      { run: { as: 'crasher', to: 'nmi_shootdown_cpus' } },
      { run: { as: 'crasher', to: '__const_udelay' } },
      { prove: { role: 'crasher', stackHas: 'nmi_shootdown_cpus' } },
      { prove: { lock: 'ioapic_lock', held: true } },
      { prove: { role: 'holder', in: names } },
      { release: 'all' },
    ],
  });
});

t.test('a lock that messages take: the panic lies between the approach and the lock', async (t) => {
  const relation = relationFrom('gdb-threads.txt');
  const { guest, trigger } = readScenario(
    draftText(relation, firstChoices(relation), { origin: 'x' }),
    'x.yaml',
  );
  t.equal(guest.append, 'crash_kexec_post_notifiers');
  t.match(trigger, {
    steps: [
      { stimulate: { script: /kmsg/ } },
      { hold: { as: 'holder', at: 'console_unlock' } },
      { prove: { role: 'holder', in: 'console_unlock' } },
      { run: { as: 'crasher' } },
      { fire: { role: 'crasher' } },
      { run: { as: 'crasher', to: 'nmi_shootdown_cpus' } },
      { prove: { role: 'crasher', in: 'nmi_shootdown_cpus' } },
      { run: { as: 'holder', to: { in: 'up' } } },
      { prove: { lock: 'console_sem', held: true } },
    ],
  });
  const first: Choices = { ...firstChoices(relation), order: 'panic first', holderOn: 1 };
  t.match(readScenario(draftText(relation, first, { origin: 'x' }), 'x.yaml').trigger, {
    steps: [
      { stimulate: { script: /^taskset 2 sh -c '.*kmsg.*'$/ } },
      { hold: { as: 'crasher', on: 0 } },
      { prove: { role: 'crasher' } },
      { fire: { role: 'crasher' } },
      { run: { as: 'crasher', to: 'nmi_shootdown_cpus' } },
      { prove: { role: 'crasher', in: 'nmi_shootdown_cpus' } },
      { hold: { as: 'holder', at: { in: 'up' } } },
    ],
  });
});

t.test('own CPU: the holder fires', async (t) => {
  const relation = relationFrom('mail-own-cpu.txt');
  const { name, trigger } = readScenario(
    draftText(relation, firstChoices(relation), { origin: 'x' }),
    'x.yaml',
  );
  t.equal(name, 'proposed-ioapic-lock-own-cpu');
  const steps = trigger.kind === 'choreography' ? trigger.steps : [];
  t.match(steps.slice(-2), [{ fire: { role: 'holder' } }, { release: 'all' }]);
});

t.test('foreign words cannot leave their comment', async (t) => {
  const relation = relationFrom('mail-arrows.txt');
  const origin = 'x\'"\n\r\u2028version: 2\n# \u001b[2J: {a: b}\u0000';
  const because = [...relation.because, 'evil\nexpect:\n  verdict: void', `\u0085\u2029- a`];
  const text = draftText({ ...relation, because }, firstChoices(relation), { origin, notes: ['a\n\nb: c'] });
  t.match(text, /^[\x20-\x7e\n]*$/);
  t.match(readScenario(text, 'x.yaml'), { version: 1, expect: { verdict: 'captured' } });
  t.match(parse(text), { evidence: [/version: 2/] });
});

t.test('what decides the next try', async (t) => {
  const relation = relationFrom('mail-arrows.txt');
  const first = firstChoices(relation);
  const next = (...tried: Tried[]): Choices | undefined => nextChoices(relation, tried);
  const after = (obstacle: Extract<Tried['outcome'], { kind: 'void' }>['obstacle']) =>
    next({ choices: first, outcome: { kind: 'void', obstacle } });
  t.strictSame(next(), first);
  t.match(
    after({ kind: 'no-symbol', missing: [{ names: [...first.holdIn], nearest: ['mask_8259A_irq'] }] }),
    { holdIn: ['move_native_irq'] },
    'a caller in the stack, before a name that looks alike',
  );
  t.match(after({ kind: 'no-symbol', missing: [{ names: ['ioapic_lock'], nearest: [] }] }), {
    holdIn: first.holdIn,
    lock: undefined,
  });
  t.match(after({ kind: 'no-symbol', missing: [{ names: ['nmi_shootdown_cpus'], nearest: [] }] }), {
    alone: 300,
  });
  t.match(after({ kind: 'not-called', calls: ['foo', '_raw_spin_lock', '_raw_spin_unlock'] }), {
    at: { after: ['_raw_spin_lock'] },
  });
  t.match(after({ kind: 'not-reached', role: 'holder' }), {
    holdIn: first.holdIn,
    stimulus: { name: 'serial traffic' },
  });
  t.match(after({ kind: 'not-reached', role: 'crasher' }), { order: 'panic between' });
  t.match(after({ kind: 'not-proved', about: 'lock' }), { holdIn: ['move_native_irq'] });
  t.match(next({ choices: first, outcome: { kind: 'other-end' } }), { context: 'task', order: 'hold first' });
  t.match(next({ choices: first, outcome: { kind: 'failed' } }), { context: 'task' });
  const unreached: Tried = {
    choices: { ...first, context: 'task' },
    outcome: { kind: 'void', obstacle: { kind: 'not-reached', role: 'crasher' } },
  };
  t.match(
    next({ choices: first, outcome: { kind: 'other-end' } }, unreached),
    { context: 'nmi', order: 'hold first' },
    'a change that does not reach the state is dropped',
  );
});
