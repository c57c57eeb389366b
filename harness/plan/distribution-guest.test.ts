import t from 'tap';
import { madePlan } from '../testing/builders/runs.js';
import { distributionLimits, requireDistributable } from './distribution-guest.js';
import { limitsFor } from './limits.js';
import type { Scenario } from './scenario.js';

const scenario = (changes: Partial<Scenario>) => madePlan({ scenario: changes }).scenario;

void t.test('scenarios that a distribution can run', async (t) => {
  t.doesNotThrow(() => requireDistributable(scenario({}), 'pc'));
  t.doesNotThrow(() => requireDistributable(scenario({ guest: { append: 'quiet', cpus: 4 } }), 'q35'));
});

void t.test("scenarios that need crashpath's own images", async (t) => {
  const refused: [Partial<Scenario>, RegExp][] = [
    [{ crashKernel: 'absent' }, /the kdump service loads one/],
    [{ guest: { captureAppend: 'x' } }, /its captureAppend is the kdump service's own choice/],
    [{ guest: { loadSyscall: 'kexec_load' } }, /its loadSyscall/],
    [{ guest: { modules: ['lkdtm'] } }, /its modules/],
    [{ capture: { exercise: 'nic' } }, /network card/],
    [{ guest: { disk: { kind: 'nvme', sizeMiB: 64 } } }, /the disk's driver/],
    [{ beforeLoading: [{ plugCpus: 1 }] }, /its beforeLoading comes too late/],
    [{ proveCapture: [{ cpus: { atLeast: 2 } }] }, /its proveCapture/],
    [{ prepare: [{ flipCrashImage: { offset: 0 } }] }, /its flipCrashImage/],
    [{ trigger: { kind: 'ssh', copyMiB: 8 } }, /its ssh server/],
  ];
  for (const [changes, says] of refused)
    t.throws(() => requireDistributable(scenario(changes), 'pc'), { kind: 'usage', message: says });
  t.throws(() => requireDistributable(scenario({}), 'microvm'), { message: /has no PCI for its disk/ });
});

void t.test('a distribution has more time where it does more', async (t) => {
  const plain = limitsFor('tcg', { scale: 1 });
  const longer = distributionLimits(plain);
  t.equal(longer.bootMs, 4 * plain.bootMs);
  t.equal(longer.totalMs, 4 * plain.totalMs);
  t.equal(longer.watchMs, plain.watchMs, 'a panic comes as fast');
});
