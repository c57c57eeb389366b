import t from 'tap';
import { MachineFailure } from '../machine.js';
import { drained } from './last-bytes.js';

/** A UART whose bytes come in these portions, one at each drain. */
function uart(...portions: number[]) {
  return { drain: () => portions.shift() ?? 0, left: portions };
}

void t.test('the UARTs are emptied until the main loop was round without a byte', async (t) => {
  const console = uart(65_536, 16, 16, 0, 5);
  const control = uart(0, 0, 7);
  let rounds = 0;
  await drained([console, control], async () => (rounds += 1))?.();
  t.equal(rounds, 3);
  t.strictSame([console.left, control.left], [[5], []], 'and not longer');
});

void t.test('a guest that goes on writing does not hold the run', async (t) => {
  let rounds = 0;
  await drained([{ drain: () => 1 }], async () => (rounds += 1))?.();
  t.equal(rounds, 64);
});

void t.test('a QEMU that is gone has written what it had; another failure is one', async (t) => {
  const console = uart(3, 4);
  const gone = () => Promise.reject(new MachineFailure('QEMU has ended', { gone: true }));
  await drained([console], gone)?.();
  t.strictSame(console.left, []);
  const bug = drained([uart(3)], () => Promise.reject(new TypeError('a bug')));
  await t.rejects(bug?.() ?? Promise.resolve(), TypeError);
});

void t.test('over a link nobody knows which bytes are on their way', async (t) => {
  t.equal(
    drained([uart(), {}], async () => undefined),
    undefined,
  );
});
