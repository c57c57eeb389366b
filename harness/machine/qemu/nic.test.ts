import t from 'tap';
import { nicArguments } from './nic.js';

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
