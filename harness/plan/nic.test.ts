import t from 'tap';
import { type Scenario, ScenarioSchema } from './scenario.js';
import { nicContradiction } from './check-nic.js';
import { nicArguments, nicModules } from './nic.js';

void t.test('no card, no arguments', async (t) => {
  t.strictSame(nicArguments(undefined), []);
});

void t.test('frames come over a stream that QEMU connects', async (t) => {
  t.strictSame(nicArguments({ model: '8139cp', net: 'frames' }), [
    ['-netdev', 'stream,id=net0,server=off,addr.type=unix,addr.path=net.sock'],
    ['-device', 'rtl8139,netdev=net0,mac=52:54:00:12:34:56,romfile='],
  ]);
});

void t.test("QEMU's own network has one way out, and no listener on the host", async (t) => {
  const words = nicArguments({ model: 'e1000', net: 'user' }).flat().join(' ');
  t.match(words, 'user,id=net0,restrict=on,ipv6=off,guestfwd=tcp:10.0.2.100:2222-chardev:ssh');
  t.match(words, '-chardev socket,id=ssh,path=ssh.sock');
  t.notMatch(words, /hostfwd|server=on/);
});

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
