import t from 'tap';
import type { EventBody, RunEvent } from '../model/event.js';
import { ScenarioSchema } from '../plan/scenario.js';
import { reportProofs } from './report-proofs.js';

const FIRED: EventBody = { type: 'host', fact: { fact: 'fired', how: 'x' } };
const PANIC: EventBody = { type: 'panic', message: 'sysrq triggered crash', side: 'production' };
const ANSWERED: EventBody = { type: 'host', fact: { fact: 'watch-ended', answered: true } };
const frame = (name: string): EventBody => ({ type: 'report-frame', function: name });

function events(...bodies: EventBody[]): RunEvent[] {
  return bodies.map((body, index) => ({ atMs: index, at: { source: 'host', line: index + 1 }, ...body }));
}

const scenarioWith = (more: object) =>
  ScenarioSchema.parse({
    version: 1,
    name: 'made',
    summary: 'made',
    trigger: { kind: 'serial-break', key: 'c' },
    expect: { verdict: 'captured' },
    ...more,
  });

const BREAK = scenarioWith({
  prove: [{ panic: { says: 'sysrq triggered crash', stackHas: ['serial8250_interrupt', 'other'] } }],
});
const LKDTM = scenarioWith({ trigger: { kind: 'lkdtm', point: 'INT_HW_IRQ_EN', type: 'PANIC' } });
const hit = (roundsLeft: number, crashType = 'PANIC'): EventBody => ({
  type: 'lkdtm-hit',
  point: 'INT_HW_IRQ_EN',
  crashType,
  roundsLeft,
});

void t.test('the requested panic, in the requested context', async (t) => {
  const proofs = reportProofs(BREAK, events(FIRED, PANIC, frame('panic'), frame('serial8250_interrupt')));
  t.strictSame(
    proofs.map(({ what, proved }) => [what, proved]),
    [
      ['the panic says "sysrq triggered crash"', true],
      ["the panic's stack has serial8250_interrupt or other", true],
    ],
  );
});

void t.test(
  "a function's cold part is the function (watchdog_timer_fn.cold on Debian 6.1.192)",
  async (t) => {
    for (const name of ['serial8250_interrupt.cold', 'serial8250_interrupt.cold.3']) {
      t.match(reportProofs(BREAK, events(FIRED, PANIC, frame(name)))[1], { proved: true }, name);
    }
  },
);

void t.test('another panic, another context, or no report, proves nothing', async (t) => {
  const another = { ...PANIC, message: 'Fatal exception in interrupt' } as EventBody;
  const proved = (...bodies: EventBody[]) =>
    reportProofs(BREAK, events(...bodies)).map((proof) => proof.proved);
  t.strictSame(proved(FIRED, another, frame('serial8250_interrupt')), [false, true]);
  t.strictSame(proved(FIRED, PANIC, frame('write_sysrq_trigger')), [true, false]);
  t.strictSame(proved(FIRED, PANIC), [true, false]);
  t.strictSame(proved(FIRED, PANIC, frame('serial8250_interrupt.part.0')), [true, false], 'a clone of it');
  t.strictSame(proved(FIRED), [false, false], 'a silent console');
  t.strictSame(
    proved(FIRED, { type: 'panic', message: 'sysrq triggered crash', side: 'capture' }),
    [false, false],
    "the capture kernel's own",
  );
});

void t.test('where there is no panic there is nothing to prove about it', async (t) => {
  t.strictSame(reportProofs(BREAK, events(FIRED, ANSWERED)), [], 'a guest that lives');
  t.strictSame(reportProofs(BREAK, events(PANIC)), [], 'a guest at which nothing was fired');
});

void t.test("lkdtm's crash point must have been hit to its end, according to lkdtm", async (t) => {
  const one = (...bodies: EventBody[]) => reportProofs(LKDTM, events(FIRED, ...bodies))[0];
  t.match(one(hit(1), hit(0), PANIC), { proved: true, saw: '2 times, down to 0 rounds left' });
  t.match(one(hit(1), hit(0), PANIC, hit(9)), { proved: true }, 'another CPU hits it while this one panics');
  t.match(one(hit(9), hit(8), PANIC), { proved: false, saw: '2 times, down to 8 rounds left' });
  t.match(one(PANIC), { proved: false, saw: 'never hit' });
  t.match(one(hit(0, 'BUG')), { proved: false }, 'another type');
  t.match(one(hit(9), ANSWERED), { proved: false }, 'a guest that lives has not been hit enough');
});
