import t from 'tap';
import type { Kernel } from '../model/kernel.js';
import type { MachineProfile } from '../plan/machine-profile.js';
import type { ChosenProfile } from '../plan/choose-machine.js';
import { madePlan } from '../testing/builders/runs.js';
import { fittingOnly } from './fitting.js';

const { scenario, kernel: K64 } = madePlan();
const K32: Kernel = { ...K64, spec: 'debian:6.1-686', bits: 32 };
const on = (
  name: string,
  kernelBits?: 32 | 64,
  askedBy: ChosenProfile['askedBy'] = 'caller',
): ChosenProfile => {
  const profile: MachineProfile = {
    ...{ version: 1, name, summary: name, evidence: [], machine: 'pc', cpuModel: 'max', prove: [] },
    ...(kernelBits === undefined ? {} : { kernelBits }),
  };
  return { profile, askedBy };
};

void t.test('what does not fit is left out, with the reason', async (t) => {
  const [any, old] = [on('any'), on('old', 32)];
  const crossings = [K64, K32].flatMap((kernel) =>
    [any, old].map((machine) => ({ scenario, kernel, machine })),
  );
  const { fit, leftOut } = fittingOnly(crossings);
  t.equal(fit.length, 3);
  t.strictSame(leftOut, ['old runs 32-bit kernels only, /kernels/made is a 64-bit one']);
});

void t.test('a machine or a kernel that is left without a run is a mistake', async (t) => {
  const crossing = (kernel: Kernel, machine: ChosenProfile) => ({ scenario, kernel, machine });
  const any = on('any');
  t.throws(() => fittingOnly([crossing(K64, on('old', 32))]), {
    kind: 'usage',
    message:
      /cannot run scenario "made" on machine "old": old runs 32-bit kernels only.*; name a kernel that fits/,
  });
  t.throws(() => fittingOnly([crossing(K64, any), crossing(K64, on('old', 32))]), {
    message: /on machine "old"/,
  });
  const wished = fittingOnly([crossing(K64, any), crossing(K64, on('old', 32, 'scenario'))]);
  t.equal(wished.fit.length, 1, "a scenario's list may name more than fits");
});

void t.test('UEFI firmware starts 64-bit kernels only, whatever its profile says', async (t) => {
  const { profile, askedBy } = on('firm');
  const machine: ChosenProfile = { profile: { ...profile, firmware: 'uefi' }, askedBy };
  t.throws(() => fittingOnly([{ scenario, kernel: K32, machine }]), {
    message: /firm runs 64-bit kernels only/,
  });
  t.equal(fittingOnly([{ scenario, kernel: K64, machine }]).fit.length, 1);
});
