import { join } from 'node:path';
import t from 'tap';
import type { HostFact } from '../model/record.js';
import { readHostFacts } from '../store/read-recording.js';
import { rejudge } from '../store/rejudge.js';
import { TESTDATA } from '../testing/recordings/fixtures.js';
import { endOf, placeText, type RunEnd, whyNotSame } from './end.js';

async function recorded(
  name: string,
  change: (fact: HostFact) => HostFact = (fact) => fact,
): Promise<RunEnd> {
  const directory = join(TESTDATA, name);
  const facts = await readHostFacts(directory);
  return endOf((await rejudge(directory)).result, facts.map(change));
}

/** The last places and stacks with one stack replaced. */
function withStack(vcpu: number, functions: string[]) {
  return (fact: HostFact): HostFact =>
    fact.fact === 'stack' && fact.vcpu === vcpu ? { ...fact, functions } : fact;
}

const SPINNER = 0;

/** The same on the other vCPU of two. */
function swap(fact: HostFact): HostFact {
  if (fact.fact === 'stack') return { ...fact, vcpu: 1 - fact.vcpu };
  if (fact.fact !== 'examination') return fact;
  return { ...fact, vcpus: fact.vcpus.map((one) => ({ ...one, vcpu: 1 - one.vcpu })) };
}

t.test('the place of the deadlock of 2012', async (t) => {
  const wanted = await recorded('crash-path-hang-ioapic-lock');
  const text = placeText(wanted.place ?? []);
  t.match(text, /1 vCPU is parked in crash_nmi_callback/);
  t.match(text, /1 vCPU runs in ioapic_read_entry < clear_IO_APIC_pin < clear_IO_APIC < .* < __crash_kexec;/);
  t.equal(whyNotSame(wanted, wanted), undefined);
});

t.test(
  'roles on other vCPUs, another instruction, a shorter stack and another way to the panic are the same',
  async (t) => {
    const wanted = await recorded('crash-path-hang-ioapic-lock');
    const swapped = await recorded('crash-path-hang-ioapic-lock', (fact) => swap(fact));
    t.equal(whyNotSame(wanted, swapped), undefined);
    for (const functions of [
      [
        'native_queued_spin_lock_slowpath',
        '_raw_spin_lock_irqsave',
        'ioapic_read_entry',
        'clear_IO_APIC_pin',
      ],
      [
        ...['_raw_spin_lock_irqsave', 'ioapic_read_entry', 'clear_IO_APIC_pin', 'clear_IO_APIC'],
        ...['native_machine_crash_shutdown', 'machine_crash_shutdown', '__crash_kexec', 'oops_end'],
      ],
    ]) {
      const seen = await recorded('crash-path-hang-ioapic-lock', withStack(SPINNER, functions));
      t.equal(whyNotSame(wanted, seen), undefined, functions.join(' < '));
    }
  },
);

t.test('another lock, a vCPU in another state, another verdict are not', async (t) => {
  const wanted = await recorded('crash-path-hang-ioapic-lock');
  const elsewhere = await recorded(
    'crash-path-hang-ioapic-lock',
    withStack(SPINNER, ['queued_spin_lock_slowpath', '_raw_spin_lock', 'vprintk_emit', 'panic']),
  );
  t.match(whyNotSame(wanted, elsewhere), /the same verdict at another place: .*vprintk_emit/);
  const idle = await recorded('crash-path-hang-ioapic-lock', (fact) =>
    fact.fact === 'examination'
      ? {
          ...fact,
          vcpus: fact.vcpus.map((one) => (one.vcpu === SPINNER ? one : { ...one, state: 'asleep' as const })),
        }
      : fact,
  );
  t.match(whyNotSame(wanted, idle), /another place/);
  const unknown = await recorded('crash-path-hang-ioapic-lock', (fact) =>
    fact.fact === 'examination' ? { ...fact, vcpus: [] } : fact,
  );
  t.match(whyNotSame(wanted, unknown), /places of its vCPUs are not known/);
  t.equal(whyNotSame(wanted, await recorded('captured-6.1')), 'captured: nonce-verified');
  t.match(whyNotSame(wanted, await recorded('crash-path-hang-halted')), /^crash-path-hang: /);
});

t.test('a capture: its quality and its reasons', async (t) => {
  const clean = await recorded('captured-6.1');
  t.equal(clean.place, undefined);
  t.equal(whyNotSame(clean, clean), undefined);
  const degraded: RunEnd = { ...clean, quality: 'degraded', degradedBy: ['nic-silent'] };
  t.equal(whyNotSame(degraded, clean), 'captured, clean');
  const others = { ...degraded, degradedBy: ['timer'] };
  t.equal(whyNotSame(degraded, others), 'degraded, but not by nic-silent');
  t.equal(whyNotSame(degraded, { ...degraded, degradedBy: ['timer', 'nic-silent'] }), undefined);
});

t.test('a hang that only a deadline ended has no place', async (t) => {
  const late = await recorded('crash-path-hang-deadline');
  t.equal(late.detail, 'deadline');
  t.equal(late.place, undefined);
});
