import t from 'tap';
import { messageOf } from '../model/errno.js';
import { madePlan } from '../testing/builders/runs.js';
import { contradictionInHardware, contradictionInPlugging, hardwareOf, mostMemoryMiB } from './hardware.js';
import { readMachineProfile } from './read-machine-profile.js';
import { readScenario } from './read-scenario.js';
import { requireHardware } from './require-hardware.js';
import type { RunPlan } from './run-plan.js';

const PROFILE = [
  'version: 1',
  'name: made',
  'summary: a made machine',
  'machine: q35',
  'cpuModel: max',
  'prove: [{ read: { path: /proc/cmdline, matches: console } }]',
];
const SCENARIO = [
  'version: 1',
  'name: made',
  'summary: a made scenario',
  'trigger: { kind: sysrq, key: c }',
  'expect: { verdict: captured }',
];

/** What is wrong with a file of these lines, one line; undefined when nothing is. */
function mistake(
  read: (text: string, file: string) => unknown,
  lines: readonly string[],
): string | undefined {
  try {
    read(lines.join('\n'), 'made.yaml');
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
const inProfile = (line: string) => mistake(readMachineProfile, [...PROFILE, line]);
const inScenario = (line: string) => mistake(readScenario, [...SCENARIO, line]);

void t.test('the parts of a machine are named kinds, and nothing else is taken', async (t) => {
  for (const line of [
    'firmware: uefi',
    'iommu: amd',
    'numaNodes: 2',
    'room: { cpus: 2, dimmsMiB: 128, virtioMemMiB: 256 }',
  ])
    t.equal(inProfile(line), undefined, line);
  for (const [line, why] of [
    ['firmware: coreboot', /firmware: .*seabios.*uefi/],
    ['iommu: { device: intel-iommu }', /iommu: /],
    ['numaNodes: 1', /numaNodes: /],
    ['room: {}', /room: must say one of cpus, dimmsMiB, virtioMemMiB/],
    ['room: { dimmsMiB: 200 }', /dimmsMiB: must be a multiple of 128/],
    ['room: { cpus: 65 }', /cpus: /],
    ['devices: ["nvme,drive=disk0"]', /devices/],
  ] as const)
    t.match(inProfile(line), why, line);
});

void t.test('disks and plugged parts of a scenario', async (t) => {
  for (const line of [
    'guest: { disk: { kind: nvme } }',
    'guest: { disk: { kind: ahci, sizeMiB: 128 } }',
    'beforeLoading: [{ plugCpus: 2 }, { plugMemory: { as: dimm, sizeMiB: 128 } }]',
    'prepare: [{ plugMemory: { as: virtio-mem, sizeMiB: 256 } }]',
  ])
    t.equal(inScenario(line), undefined, line);
  for (const [line, why] of [
    ['guest: { disk: { kind: floppy } }', /kind: /],
    ['guest: { disk: { kind: nvme, file: /dev/sda } }', /file/],
    ['prepare: [{ plugMemory: { as: dimm, sizeMiB: 100 } }]', /prepare/],
    ['beforeLoading: [{ flipCrashImage: { offset: 0 } }]', /beforeLoading/],
    ['capture: { exercise: disk }', /guest\.disk/],
  ] as const)
    t.match(inScenario(line), why, line);
});

void t.test('parts that a machine cannot have', async (t) => {
  const board = { type: 'q35', cpus: 4, memoryMiB: 1024 };
  const why = (machine: Partial<typeof board>, hardware: Parameters<typeof hardwareOf>[0]) =>
    contradictionInHardware({ ...board, ...machine, hardware });
  t.match(why({ type: 'isapc' }, { firmware: 'uefi' }), /machine isapc has no UEFI/);
  t.match(why({ type: 'microvm,pit=off' }, { firmware: 'uefi' }), /only pc and q35/);
  t.equal(why({ type: 'pc-i440fx-7.2' }, { firmware: 'uefi' }), undefined);
  t.match(why({ type: 'pc' }, { iommu: 'intel' }), /machine pc cannot have an IOMMU/);
  t.equal(why({ type: 'pc-q35-7.2,hpet=off' }, { iommu: 'intel' }), undefined);
  t.match(why({ cpus: 1 }, { numaNodes: 2 }), /2 NUMA nodes need as many vCPUs, there are 1/);
  t.match(why({ memoryMiB: 1025 }, { numaNodes: 2 }), /1025 MiB cannot be divided/);
  t.match(why({ type: 'isapc' }, { room: { cpus: 1 } }), /nothing can be plugged into machine isapc/);
  t.match(why({ cpus: 63 }, { room: { cpus: 2 } }), /63 vCPUs with room for 2 more are over the limit of 64/);
  t.equal(why({ cpus: 62 }, { room: { cpus: 2 } }), undefined);
});

void t.test('steps that plug more than there is room for', async (t) => {
  const hardware = { room: { cpus: 2, dimmsMiB: 256 } };
  const why = (steps: Parameters<typeof contradictionInPlugging>[0]) =>
    contradictionInPlugging(steps, { hardware });
  const dimm = { plugMemory: { as: 'dimm', sizeMiB: 128 } } as const;
  t.equal(why([{ plugCpus: 2 }, dimm, dimm]), undefined);
  t.match(
    why([{ plugCpus: 2 }, { plugCpus: 1 }]),
    /plug 3 vCPUs, and the machine has room for 2; .*room\.cpus/,
  );
  t.match(why([dimm, dimm, dimm]), /plug 384 MiB of DIMMs/);
  t.match(why([{ plugMemory: { as: 'virtio-mem', sizeMiB: 128 } }]), /room for 0; .*room\.virtioMemMiB/);
  t.equal(mostMemoryMiB({ memoryMiB: 768, hardware }), 1024);
  t.equal(hardwareOf({}), undefined);
});

void t.test('what a run needs of its machine and its host', async (t) => {
  const made = madePlan();
  const guest = { disk: { kind: 'nvme', sizeMiB: 64 } } as const;
  const plan = (machine: Partial<RunPlan['machine']>, host?: string): RunPlan => ({
    ...made,
    scenario: { ...made.scenario, guest },
    machine: { ...made.machine, ...machine },
    ...(host === undefined ? {} : { host }),
  });
  t.doesNotThrow(() => requireHardware(plan({})));
  t.throws(() => requireHardware(plan({ type: 'isapc' })), {
    kind: 'usage',
    message: /machine isapc has no PCI for a disk of kind nvme/,
  });
  t.throws(() => requireHardware(plan({}, 'box')), { message: /host box cannot run it: a disk is a file/ });
  const uefi = { ...madePlan(), host: 'box' };
  uefi.machine = { ...uefi.machine, hardware: { firmware: 'uefi' } };
  t.throws(() => requireHardware(uefi), { message: /UEFI variables are a file/ });
});
