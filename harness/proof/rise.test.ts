import t from 'tap';
import { guestWitness } from '../testing/fakes/witness.js';
import { rise } from './rise.js';

const row = (count: number) => ({ status: 0, output: `  4:  ${count}  1   IO-APIC   4-edge   ttyS0\n` });
const NO_ROW = { status: 0, output: 'NMI:  1  1   Non-maskable interrupts\n' };
const WITHIN = { interrupts: { row: 'ttyS0', risesBy: 5, withinMs: 1000 } };

void t.test('a row that rises within its time, before firing', async (t) => {
  t.strictSame(await rise.beforeFiring.put(WITHIN, guestWitness([row(10), row(12), row(16)])), {
    what: '/proc/interrupts ttyS0 rises by 5 before firing',
    proved: true,
    saw: 'rose by 6',
  });
});

void t.test('one that does not, or too late, or that is not there', async (t) => {
  const slow = [row(10), row(11), row(12), row(13), row(14), row(20)];
  t.match(await rise.beforeFiring.put(WITHIN, guestWitness(slow)), { proved: false, saw: 'rose by 4' });
  t.match(await rise.beforeFiring.put(WITHIN, guestWitness([NO_ROW])), {
    proved: false,
    saw: 'no such row, or no answer',
  });
});

void t.test('without a time it is judged when the watch is over', async (t) => {
  const asked = { interrupts: { row: 'ttyS0', risesBy: 5 } };
  const afterWatch = async (...replies: Parameters<typeof guestWitness>[0]) => {
    const answer = await rise.beforeFiring.put(asked, guestWitness(replies));
    return answer !== undefined && 'lookAgain' in answer ? answer.lookAgain() : answer;
  };
  t.strictSame(await afterWatch(row(10), row(15)), {
    what: '/proc/interrupts ttyS0 rises by 5',
    proved: true,
    saw: 'rose by 5',
  });
  t.match(await afterWatch(row(10), row(14)), { proved: false, saw: 'rose by 4' });
  t.match(await afterWatch(row(10), undefined), { proved: false, saw: 'no such row, or no answer' });
});
