import t from 'tap';
import { type HostFact, HostRecordSchema } from '../model/record.js';
import type { RunResult } from '../model/result.js';
import type { Scenario } from '../plan/scenario.js';
import type { TriedRun } from '../proposal/judge-try.js';
import { HUNG, stored, VOID } from '../testing/builders/reports.js';
import { relationFrom } from '../testing/builders/proposals.js';
import { type RunOnce, tryProposal } from './try-proposal.js';

const RELATION = relationFrom('mail-arrows.txt');

const fact = (value: object): HostFact => HostRecordSchema.parse({ atMs: 1, seq: 1, ...value });
const stack = (vcpu: number, line: string) =>
  fact({ fact: 'stack', vcpu, functions: line.split(' < '), line });

const HOLDER = stack(
  0,
  'crash_nmi_callback < nmi_handle < default_do_nmi < exc_nmi < end_repeat_nmi < mask_ioapic_irq < __irq_move_irq',
);
const waiter = (takenIn: string) =>
  stack(
    1,
    `queued_spin_lock_slowpath < _raw_spin_lock_irqsave < ${takenIn} < clear_IO_APIC_pin < native_machine_crash_shutdown < __crash_kexec < panic`,
  );
const notReached = fact({
  fact: 'proof',
  what: 'step 2: reach x within 30000 ms',
  proved: false,
  saw: 'cpu0 idle',
});

function ended(scenario: Scenario, result: Partial<RunResult>, facts: readonly HostFact[] = []): TriedRun {
  const made = stored({ result }).result;
  if (made === undefined) throw new Error('a made run has a result');
  const steps = scenario.trigger.kind === 'choreography' ? scenario.trigger.steps : [];
  return { result: made, facts, steps };
}

/** Tries with runs that end one after the other as given; the last one again and again. */
async function tries(
  ends: readonly ((scenario: Scenario) => TriedRun | undefined)[],
  options: { tries?: number; minutes?: number } = {},
) {
  const scenarios: Scenario[] = [];
  const run: RunOnce = async (scenario) => {
    const end = ends[Math.min(scenarios.length, ends.length - 1)];
    scenarios.push(scenario);
    return end?.(scenario);
  };
  let left = options.minutes ?? Number.POSITIVE_INFINITY;
  const [one] = await tryProposal(RELATION, {
    ...{ origin: 'mail.txt', kernels: ['k'], tries: options.tries ?? 5, run },
    mayGoOn: () => (left -= 1) >= 0,
  });
  if (one === undefined) throw new Error('one kernel was tried');
  return { ...one, scenarios, kinds: one.attempts.map(({ outcome }) => outcome.kind) };
}

const captured = (scenario: Scenario) => ended(scenario, { verdict: 'captured', degradedBy: [] });
const hung = (takenIn: string) => (scenario: Scenario) => ended(scenario, HUNG, [HOLDER, waiter(takenIn)]);

t.test('the first try hangs at the same place', async (t) => {
  const { ended: why, attempts } = await tries([hung('ioapic_read_entry')]);
  t.equal(why, 'reproduced');
  t.match(attempts, [
    { variation: 'as drafted', reason: /^the same place: waits in ioapic_read_entry, as given/ },
  ]);
  t.match(attempts[0]?.comparison?.saw, [
    'waits in ioapic_read_entry, as given',
    'for ioapic_lock, as given',
    'held in mask_ioapic_irq, as given',
    /^waiter: only in the given stack: clear_IO_APIC, disable_IO_APIC/,
    /^waiter: only in the run: __crash_kexec, panic$/,
    /^holder: only in the given stack: mask_IO_APIC_irq_desc, ack_apic_edge/,
  ]);
});

t.test('a hang elsewhere is none', async (t) => {
  const { ended: why, kinds, attempts } = await tries([hung('eoi_ioapic_pin'), hung('ioapic_read_entry')]);
  t.strictSame(kinds, ['other-end', 'reproduced']);
  t.equal(why, 'reproduced');
  t.match(attempts[0]?.reason, /^another place: waits in eoi_ioapic_pin; given: ioapic_read_entry/);
  const noStacks = await tries([(scenario) => ended(scenario, HUNG)], { tries: 1 });
  t.strictSame(noStacks.kinds, ['other-end']);
});

t.test('captured in all tries; what was not reached steers the next one', async (t) => {
  const {
    ended: why,
    kinds,
    attempts,
  } = await tries([(scenario) => ended(scenario, VOID, [notReached]), captured]);
  t.equal(why, 'tries');
  t.strictSame(kinds, ['void', 'other-end', 'other-end', 'other-end', 'other-end']);
  t.match(attempts[0]?.reason, 'step 2: reach x within 30000 ms: cpu0 idle');
  t.equal(attempts[1]?.variation, 'stimulus: serial traffic');
  t.match(attempts[1]?.reason, /^every proof held, and the capture kernel came up$/);
});

t.test('bounds: tries, time, variations, a harness that fails, Ctrl-C', async (t) => {
  t.match(await tries([captured], { tries: 2 }), { ended: 'tries', kinds: { length: 2 } });
  t.match(await tries([captured], { minutes: 3 }), { ended: 'time', kinds: { length: 3 } });
  const all = await tries([captured], { tries: 1000 });
  t.equal(all.ended, 'variations');
  t.ok(all.kinds.length < 64);
  const broken = await tries([
    (scenario) => ended(scenario, { verdict: 'harness-error', outcome: 'harness-error' }),
  ]);
  t.match(broken, { ended: 'harness', kinds: ['failed', 'failed'] });
  t.match(await tries([captured, () => undefined]), { ended: 'stopped', kinds: ['other-end'] });
});
