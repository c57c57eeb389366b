import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import type { MachineProfile } from './machine-profile.js';
import { type ChosenProfile, chooseMachine } from './choose-machine.js';
import { readMachineProfile } from './read-machine-profile.js';

const QUAD: MachineProfile = {
  version: 1,
  name: 'quad',
  summary: 'four of them',
  evidence: [],
  machine: 'q35',
  cpuModel: { tcg: 'Penryn', kvm: 'host,-x2apic' },
  cpus: 4,
  crashkernel: '256M',
  prove: [{ read: { path: '/proc/interrupts', matches: 'IO-APIC' } }],
};

const byCaller: ChosenProfile = { profile: QUAD, askedBy: 'caller' };
const byScenario: ChosenProfile = { profile: QUAD, askedBy: 'scenario' };

void t.test('without a profile nothing has a name and nothing is to be proved', async (t) => {
  const machine = chooseMachine({ guest: {} }, { cpus: 3 }, 'tcg');
  t.strictSame(machine, { type: 'pc', cpuModel: 'max', cpus: 3, memoryMiB: 768 });
  t.equal(chooseMachine({ guest: {} }, { machine: 'q35' }, 'tcg').name, 'machine=q35');
});

void t.test('a profile decides the machine, by accelerator, and its claims are to be proved', async (t) => {
  const machine = chooseMachine({ guest: {} }, { profile: byCaller }, 'tcg');
  t.strictSame(machine, {
    type: 'q35',
    cpuModel: 'Penryn',
    cpus: 4,
    memoryMiB: 768,
    name: 'quad',
    prove: [{ output: { of: 'grep -c ^processor /proc/cpuinfo', equals: '4' } }, ...QUAD.prove],
  });
  t.equal(chooseMachine({ guest: {} }, { profile: byCaller }, 'kvm').cpuModel, 'host,-x2apic');
});

void t.test('precedence: single options, named profile, scenario, its profile, defaults', async (t) => {
  const guest = { cpus: 2 };
  t.match(chooseMachine({ guest }, { profile: byCaller }, 'tcg'), {
    cpus: 4,
  });
  t.match(chooseMachine({ guest }, { profile: byScenario }, 'tcg'), {
    cpus: 2,
    prove: [{ output: { equals: '2' } }, {}],
  });
  t.match(chooseMachine({ guest }, { profile: byCaller, cpus: 8, machine: 'pc' }, 'tcg'), {
    type: 'pc',
    cpus: 8,
    name: 'quad machine=pc cpus=8',
  });
});

void t.test('every profile that comes with crashpath can be read and is named as its file', async (t) => {
  const folder = new URL('../../scenarios/machines/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  t.ok(files.length >= 15);
  for (const file of files) {
    const profile = readMachineProfile(readFileSync(new URL(file, folder), 'utf8'), file);
    t.equal(`${profile.name}.yaml`, file);
  }
});

void t.test('a bad profile is refused with its place', async (t) => {
  const text =
    'version: 1\nname: a\nsummary: b\nmachine: pc\ncpuModel: max\nprove: [{ read: { path: /a } }]\n';
  t.throws(() => readMachineProfile(text, 'a.yaml'), {
    kind: 'usage',
    message: /machine profile "a.yaml:6:\d+": prove.0.read: must say one of .*; see docs\/machines.md/,
  });
  t.throws(() => readMachineProfile(text.replace('pc', '"pc;rm"'), 'a.yaml'), {
    message: /a.yaml:4:\d+": machine: must be a name with properties/,
  });
});
