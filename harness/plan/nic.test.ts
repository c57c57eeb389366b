import t from 'tap';
import { type Scenario, ScenarioSchema } from './scenario.js';
import { nicContradiction } from './check-nic.js';
import { nicModules } from './nic.js';

void t.test('what a kernel has built in is not loaded', async (t) => {
  const nic = { model: 'virtio-net-pci', net: 'frames' } as const;
  t.strictSame(nicModules(nic, undefined), ['virtio_pci', 'virtio_net']);
  const config = new Map([
    ['CONFIG_VIRTIO_PCI', 'y'],
    ['CONFIG_VIRTIO_NET', 'm'],
  ]);
  t.strictSame(nicModules(nic, config), ['virtio_net']);
  t.strictSame(nicModules({ model: 'e1000', net: 'frames' }, new Map([['CONFIG_E1000', 'y']])), []);
});

/** A scenario with these keys. */
function scenario(keys: Record<string, unknown>): Scenario {
  return ScenarioSchema.parse({
    version: 1,
    name: 'made',
    summary: 'made',
    trigger: { kind: 'sysrq', key: 'c' },
    expect: { verdict: 'captured' },
    ...keys,
  });
}

void t.test('what needs a card says so', async (t) => {
  const user = { guest: { nic: { model: 'e1000', net: 'user' } } };
  const frames = { guest: { nic: { model: 'e1000' } } };
  const sources = { sources: [{ frames: 'broadcast', perSecond: 'max' }] };
  t.match(nicContradiction(scenario(sources)), /"frames"/);
  t.match(nicContradiction(scenario({ ...user, ...sources })), /net: frames/);
  t.equal(nicContradiction(scenario({ ...frames, ...sources })), undefined);
  t.match(nicContradiction(scenario({ capture: { exercise: 'nic' } })), /guest\.nic/);
  t.equal(nicContradiction(scenario({ ...user, capture: { exercise: 'nic' } })), undefined);
});
