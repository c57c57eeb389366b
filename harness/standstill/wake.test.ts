import t from 'tap';
import { readIrqchips } from '../hmp/irqchips.js';
import { type LocalApic, readLapic } from '../hmp/lapic.js';
import { LAPIC_PC, PIC_PC } from '../testing/recordings/monitor-text.js';
import { type InterruptReading, wakeOf } from './wake.js';

const armedText = LAPIC_PC;
const expiredText = LAPIC_PC.replace('current_count = 81044012', 'current_count = 0');
const lapicOf = (text: string): LocalApic => {
  const lapic = readLapic(text);
  if (lapic === undefined) throw new Error('no local APIC');
  return lapic;
};
const allMasked = PIC_PC.replaceAll(/(pin \d+ +0x[0-9a-f]{11})0([0-9a-f]{4} dest)/g, '$11$2');

function reading(changes: Partial<InterruptReading> = {}): InterruptReading {
  return {
    lapic: lapicOf(expiredText),
    irqchips: readIrqchips(allMasked),
    hpet: undefined,
    counts: new Map([['isa-i8259 0', 100]]),
    ...changes,
  };
}
const NO_CARD = { hasCard: false, inKernelApic: false };
const CARD = { ...NO_CARD, hasCard: true };
const KVM = { ...NO_CARD, inKernelApic: true };
const twice = (one: InterruptReading, second: Partial<InterruptReading> = {}, surroundings = NO_CARD) =>
  wakeOf({ first: one, second: { ...one, ...second }, ranMs: 2200 }, surroundings);

void t.test('nothing armed, nothing open', async (t) => {
  t.match(twice(reading()), { kind: 'none', saw: [/not armed \(one-shot, .*current count 0\)/, /no pin/] });
});

void t.test('a local timer that is armed', async (t) => {
  t.match(twice(reading({ lapic: lapicOf(armedText) })), { kind: 'armed', why: /initial count 98985460/ });
  const periodic = expiredText.replace('LVTT\t 0x000000ec', 'LVTT\t 0x000200ec');
  t.match(twice(reading({ lapic: lapicOf(periodic) })), { kind: 'armed', why: /periodic/ });
});

void t.test('a timer whose deadline cannot be seen', async (t) => {
  const deadline = expiredText.replace('LVTT\t 0x000000ec', 'LVTT\t 0x000400ec');
  t.match(twice(reading({ lapic: lapicOf(deadline) })), { kind: 'unknown', why: /tsc-deadline/ });
  t.match(twice(reading({ lapic: undefined })), { kind: 'unknown' });
});

void t.test('a network card may interrupt whom its interrupts reach', async (t) => {
  t.match(twice(reading(), {}, CARD), { kind: 'unknown', why: /network card/ });
  const disabled = expiredText.replace('APIC enabled', 'APIC disabled');
  t.match(twice(reading({ lapic: lapicOf(disabled) }), {}, CARD), { kind: 'none' });
});

void t.test('a masked timer may count as it likes', async (t) => {
  const masked = armedText.replace('LVTT\t 0x000000ec', 'LVTT\t 0x000100ec');
  t.match(twice(reading({ lapic: lapicOf(masked) })), { kind: 'none', saw: [/masked/, /no pin/] });
});

void t.test('a pending vector is delivered, unless a higher one is in service', async (t) => {
  const pending = expiredText.replace('IRR\t (none)', 'IRR\t 236 ');
  t.match(twice(reading({ lapic: lapicOf(pending) })), { kind: 'armed', why: /vector 236/ });
  const served = pending.replace('ISR\t (none)', 'ISR\t 240 ');
  t.match(twice(reading({ lapic: lapicOf(served) })), { kind: 'none' });
});

void t.test('an open pin', async (t) => {
  const open = reading({ irqchips: readIrqchips(PIC_PC) });
  t.match(twice(open), { kind: 'none', saw: [/not armed/, /no interrupt in 2200 ms/] });
  t.match(
    twice(open, { counts: new Map([['isa-i8259 0', 120]]) }),
    { kind: 'armed', why: /isa-i8259 0 \+20/ },
    'the PIT drives pin 2',
  );
  t.match(
    twice(reading(), { counts: new Map([['isa-i8259 0', 120]]) }),
    { kind: 'none', saw: [/not armed/, /no pin/, /do not reach it: isa-i8259 0 \+20/] },
    'it is masked',
  );
  t.match(twice({ ...open, counts: new Map() }), { kind: 'unknown' }, 'in-kernel controllers show no counts');
});

void t.test('the 8259 as virtual wire', async (t) => {
  const wired = expiredText.replace('LVT0\t 0x00010700', 'LVT0\t 0x00000700');
  const unmasked = allMasked.replace(/pic0: irr=1b imr=ff/, 'pic0: irr=00 imr=fe');
  const open = reading({ lapic: lapicOf(wired), irqchips: readIrqchips(unmasked) });
  t.match(twice(open), { kind: 'none' });
  t.match(twice(open, { counts: new Map([['isa-i8259 0', 101]]) }), { kind: 'armed' });
  t.match(
    twice(reading({ irqchips: readIrqchips(unmasked) }), { counts: new Map([['isa-i8259 0', 101]]) }),
    { kind: 'none' },
    'LINT0 is masked: the dead timer of nolapic',
  );
});

void t.test('the HPET', async (t) => {
  const timer = { enabled: true, periodic: true, ahead: true, message: false, pin: 2 };
  const hpet = { runs: true, timers: [timer] };
  t.match(twice(reading({ hpet, irqchips: readIrqchips(PIC_PC) })), { kind: 'armed', why: /HPET/ });
  t.match(twice(reading({ hpet })), { kind: 'none' }, 'at a masked pin');
  t.match(twice(reading({ hpet: { runs: true, timers: [{ ...timer, message: true }] } })), { kind: 'armed' });
  t.match(twice(reading({ hpet: { runs: false, timers: [{ ...timer, message: true }] } })), { kind: 'none' });
});

void t.test('a local APIC that changes', async (t) => {
  const changed = lapicOf(expiredText.replace('initial_count = 98985460', 'initial_count = 5'));
  t.match(twice(reading(), { lapic: changed }), { kind: 'armed', why: /changed/ });
});

void t.test('the first reading alone says whether a second one is worth while', async (t) => {
  t.match(wakeOf({ first: reading(), second: undefined, ranMs: 0 }, NO_CARD), { kind: 'none' });
  t.match(wakeOf({ first: reading({ lapic: lapicOf(armedText) }), second: undefined, ranMs: 0 }, NO_CARD), {
    kind: 'armed',
  });
});

void t.test("KVM's own APIC: a count that QEMU makes up is neither armed nor over", async (t) => {
  const disarmed = expiredText.replace(/initial_count = \d+/, 'initial_count = 0');
  for (const text of [armedText, expiredText])
    t.match(twice(reading({ lapic: lapicOf(text) }), {}, KVM), {
      kind: 'unknown',
      why: /KVM's current count/,
    });
  t.match(twice(reading({ lapic: lapicOf(disarmed) }), {}, KVM), {
    kind: 'none',
    saw: [/not armed \(one-shot, initial count 0\)/, /no pin/],
  });
  const masked = armedText.replace('LVTT\t 0x000000ec', 'LVTT\t 0x000100ec');
  const later = masked.replace('current_count = 81044012', 'current_count = 5');
  const both = (surroundings: typeof KVM) =>
    twice(reading({ lapic: lapicOf(masked) }), { lapic: lapicOf(later) }, surroundings);
  t.match(both(KVM), { kind: 'none' }, 'a masked timer, read twice');
  const periodic = expiredText.replace('LVTT\t 0x000000ec', 'LVTT\t 0x000200ec');
  t.match(twice(reading({ lapic: lapicOf(periodic) }), {}, KVM), { kind: 'armed' });
  const deadline = expiredText.replace('LVTT\t 0x000000ec', 'LVTT\t 0x000400ec');
  t.match(twice(reading({ lapic: lapicOf(deadline) }), {}, KVM), { kind: 'unknown', why: /tsc-deadline/ });
});
