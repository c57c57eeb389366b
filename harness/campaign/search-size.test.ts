import t from 'tap';
import type { RunResult } from '../model/result.js';
import { madePlan } from '../testing/builders/runs.js';
import { reservedMib, sizesOf } from './search-size.js';

const run = (mib: number, verdict: RunResult['verdict'], detail: string) =>
  ({ mib, result: { verdict, detail } }) as const;

t.test('what a run says of the size', async (t) => {
  const of = (verdict: RunResult['verdict'], detail: string) => sizesOf([run(64, verdict, detail)]);
  const size = { mib: 64, captured: 0, failed: [], undecided: [] };
  t.strictSame(of('captured', 'nonce-verified-degraded'), [{ ...size, captured: 1 }]);
  for (const [verdict, detail] of [
    ['capture-panic', 'out-of-memory'],
    ['capture-hang', 'spin'],
    ['capture-reset', 'reset-before-banner'],
    ['capture-no-vmcore', 'vmcore-missing'],
    ['void', 'kexec-load-failed'],
    ['void', 'crashkernel-not-reserved'],
  ] as const)
    t.strictSame(of(verdict, detail), [{ ...size, failed: [`${verdict}/${detail}`] }]);
  // The capture kernel was not entered, or nothing is known: another size would not have helped.
  for (const [verdict, detail] of [
    ['crash-path-hang', 'spin'],
    ['purgatory-hang', 'spin'],
    ['no-panic', 'still-answers'],
    ['void', 'state-not-proved'],
    ['cannot-tell', 'host-starved'],
    ['harness-error', 'qemu-died'],
  ] as const)
    t.strictSame(of(verdict, detail), [{ ...size, undecided: [`${verdict}/${detail}`] }]);
  t.strictSame(of('harness-error', 'interrupted'), [], 'it was cut off');
});

t.test('runs are counted by size, the smallest first', async (t) => {
  const captured = 'nonce-verified';
  t.strictSame(
    sizesOf([
      run(128, 'captured', captured),
      run(64, 'capture-panic', 'init-died'),
      run(128, 'captured', captured),
    ]),
    [
      { mib: 64, captured: 0, failed: ['capture-panic/init-died'], undecided: [] },
      { mib: 128, captured: 2, failed: [], undecided: [] },
    ],
  );
});

t.test('the size of a stored run is that of its command line', async (t) => {
  const of = (append: string) => reservedMib({ ...madePlan(), append });
  t.equal(of('console=ttyS0 crashkernel=24M'), 24);
  t.equal(of('crashkernel=1G,high crashkernel=72M,low'), undefined, 'no run of a search');
  t.equal(of('quiet'), undefined);
});
