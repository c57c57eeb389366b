import t from 'tap';
import { PACKAGE_ROOT } from '../cli/context.js';
import { loadMachine, machineNames } from '../prepare/machine-files.js';
import { madePlan } from '../testing/builders/runs.js';
import { type GuestChoices, makePlan } from './make-plan.js';
import type { RunPlan } from './run-plan.js';
import { requireGuest, storedGuest } from './stored-guest.js';

const MADE = madePlan();

/** The plan of a guest, as QEMU's arguments only its machine and command line. */
function planned(choices: GuestChoices, { accel = MADE.accel, scenario = MADE.scenario } = {}): RunPlan {
  return makePlan(
    scenario,
    {
      kernel: MADE.kernel,
      captureKernel: MADE.captureKernel,
      accel,
      qemu: {
        ...MADE.qemu,
        argumentsFor: (guest) => [guest.machine, guest.cpuModel, String(guest.cpus), guest.append],
      },
      initrd: '',
    },
    { identity: MADE, choices },
  );
}

t.test('every guest is made again as it was', async (t) => {
  const nic = { ...MADE.scenario, capture: { exercise: 'nic' } as const };
  const guests: [string, GuestChoices, typeof MADE.scenario?][] = [
    ['the default', {}],
    ['more of it', { cpus: 4, memoryMiB: 1024 }],
    ['another machine', { machine: 'q35', cpuModel: 'max,-x2apic' }],
    ['another CPU alone', { cpuModel: 'qemu64' }],
    ['the crash kernel', { crashkernel: '1G,high 72M,low' }],
    ['command lines', { append: 'quiet console=tty0 nosmp "a=b c"', captureAppend: 'nr_cpus=4 quiet' }],
    ['the nonce alone, and a card', { vmcore: 'nonce' }, nic],
    ['the mapping alone', { vmcore: 'mapped' }],
  ];
  const files = { packageRoot: PACKAGE_ROOT };
  for (const name of await machineNames(files)) {
    const profile = { profile: await loadMachine(name, files), askedBy: 'caller' } as const;
    guests.push([name, { profile }], [`${name} with more`, { profile, memoryMiB: 2048 }]);
  }
  for (const [name, choices, scenario] of guests) {
    const first = planned(choices, { scenario });
    t.strictSame(planned(storedGuest(first, 'tcg'), { scenario }), first, name);
  }
});

t.test('under another accelerator the machine is the same, with the CPU that is there', async (t) => {
  const kvm = { accel: 'kvm', reason: 'made' } as const;
  const first = planned({ machine: 'q35', cpuModel: 'host,-x2apic' }, { accel: kvm });
  const again = planned(storedGuest(first, 'tcg'));
  t.equal(again.machine.type, 'q35');
  t.equal(again.machine.cpuModel, 'max,-x2apic');
  t.equal(planned(storedGuest(planned({}, { accel: kvm }), 'tcg')).machine.cpuModel, 'max');
});

t.test('a guest that uses something of the host is refused', async (t) => {
  const refused = (changes: Partial<RunPlan>, machine: Partial<RunPlan['machine']>, says: RegExp) =>
    t.throws(() => requireGuest({ ...MADE, ...changes, machine: { ...MADE.machine, ...machine } }), {
      kind: 'usage',
      message: says,
    });
  for (const type of ['pc,firmware=x', 'pc,pflash0=a', 'pc,x=/y', 'q35,dumpdtb=z', 'pc,sgx-epc.0.memdev=m']) {
    refused({}, { type }, /may name a file or an object/);
  }
  refused({}, { type: 'pc,kernel=x' }, /--kernel/);
  refused({}, { type: 'pc;id' }, /QEMU has no such name/);
  refused({}, { cpuModel: 'max,model-id=/etc/passwd' }, /may name a file/);
  refused({}, { memoryMiB: 1e9 }, /it is not from 128 to/);
  refused({ append: 'a "b' }, {}, /unclosed quote/);
  refused({ captureAppend: 'crashpath.vmcore=all' }, {}, /a word of crashpath's own/);
  refused({ captureAppend: 'crashpath.exercise=nic' }, {}, /a word of crashpath's own/);
  for (const type of [
    'pc',
    'microvm,pit=off,pic=off,rtc=on',
    'pc,kernel-irqchip=split',
    'q35,hpet=off,smm=on',
  ]) {
    requireGuest({ ...MADE, machine: { ...MADE.machine, type } });
  }
});
