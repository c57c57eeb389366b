import t from 'tap';
import { framePacket } from './packet.js';
import { isResume, pair } from '../../testing/fakes/gdb-pair.js';

t.test('silence ends at the deadline, and the late reply is dropped', async (t) => {
  let late: (() => void) | undefined;
  await using both = await pair((packet, peer) => {
    if (packet !== 'm10,1' || late !== undefined) return false;
    peer.raw('+');
    late = () => peer.packet('ee');
    return true;
  });
  const { stub, gdb } = both;
  // The vCPU is selected by now, so that the short deadline is for the silence alone.
  await gdb.readMemory(32n, 1);
  await t.rejects(gdb.readMemory(16n, 1, { deadlineMs: 50 }), {
    name: 'GdbTimeoutError',
    message: /cannot read 1 bytes at "0x10": no reply to "m10,1" came within 50 ms/u,
  });
  late?.();
  t.equal((await gdb.readMemory(16n, 1)).toString(), 'Z', 'and not 0xee');
  t.match(gdb.observations, [{ kind: 'unexpected-packet', payload: 'ee' }, { kind: 'resynchronised' }]);
  t.ok(stub.received.includes('qSupported:multiprocess+'));
});

t.test('a late reply that comes in the middle of the next one', async (t) => {
  let held = 0;
  await using both = await pair((packet, peer) => {
    if (packet !== 'g') {
      // Both the late acknowledgement and the late reply arrive while order is being restored.
      if (packet === 'qSupported:multiprocess+') peer.reply('00'.repeat(300));
      return false;
    }
    held += 1;
    return held === 1;
  });
  // Time enough for a busy host to select the vCPU, so that it is the registers that do not come.
  await t.rejects(both.gdb.readRegisters(0, { deadlineMs: 300 }), {
    name: 'GdbTimeoutError',
    message: /"g"/u,
  });
  t.equal((await both.gdb.readRegisters(0)).rip, 16n);
});

t.test('an abort ends a wait with its own reason', async (t) => {
  await using both = await pair((packet) => packet === 'g');
  const { gdb } = both;
  const reason = new Error('enough');
  const abort = new AbortController();
  setTimeout(() => abort.abort(reason), 20);
  await t.rejects(gdb.readRegisters(0, { signal: abort.signal }), reason);
  await t.rejects(gdb.readMemory(1n, 1, { signal: abort.signal }), reason, 'one that was aborted before');
  await gdb.continueAll();
  await t.rejects(gdb.waitForStop({ signal: abort.signal }), reason);
  await t.rejects(gdb.readMemory(1n, 1, { deadlineMs: 0 }), RangeError);
});

t.test('packets with bad checksums are requested again, a few times', async (t) => {
  let bad = 0;
  await using both = await pair((packet, peer) => {
    if (packet !== 'm10,1') return false;
    peer.raw('+$5a#00');
    bad = 3;
    return true;
  });
  const { stub, gdb } = both;
  const watch = setInterval(() => {
    // What QEMU does at `-`: its last packet again.
    const asked = stub.bytes().split('-').length - 1;
    if (asked > 0 && bad > 0) {
      bad -= 1;
      stub.peer().raw(bad === 0 ? '$5a#96' : '$5a#00');
    }
  }, 5);
  t.teardown(() => clearInterval(watch));
  t.equal((await gdb.readMemory(16n, 1)).toString(), 'Z');
  t.match(gdb.observations, [{ kind: 'bad-packet' }]);
});

t.test('a stub that only sends broken packets ends the connection', async (t) => {
  await using both = await pair((packet, peer) => {
    if (packet === 'm10,1') peer.raw(`+${'$5a#00'.repeat(6)}`);
    return packet === 'm10,1';
  });
  await t.rejects(both.gdb.readMemory(16n, 1), { name: 'GdbProtocolError', message: /broken packets/u });
  t.equal(both.gdb.state, 'closed');
});

t.test('a packet that the stub refuses is sent again, a few times', async (t) => {
  let refused = 0;
  await using both = await pair((packet, peer) => {
    if (packet !== 'm10,1' && packet !== 'm20,1') return false;
    refused += 1;
    if (packet === 'm10,1' && refused > 3) return false;
    peer.raw('-');
    return true;
  });
  const { stub, gdb } = both;
  t.equal((await gdb.readMemory(16n, 1)).toString(), 'Z');
  t.equal(stub.received.filter((packet) => packet === 'm10,1').length, 4);
  await t.rejects(gdb.readMemory(32n, 1), { name: 'GdbProtocolError', message: /refused "m20,1" 6 times/u });
});

t.test('an endless packet ends at its bound and the deadline', async (t) => {
  await using both = await pair(
    (packet, peer) => {
      if (packet !== 'g') return false;
      peer.raw(`+$${'a'.repeat(20_000)}`);
      return true;
    },
    { maxPacketBytes: 10_000 },
  );
  await t.rejects(both.gdb.readRegisters(0, { deadlineMs: 100 }), { name: 'GdbTimeoutError' });
  t.match(both.gdb.observations[0], { kind: 'bad-packet', why: 'longer than 10000 bytes' });
  t.equal((await both.gdb.readMemory(16n, 1)).toString(), 'Z', 'the next packet is understood');
});

t.test('junk, notifications and console output have no effect', async (t) => {
  await using both = await pair((packet, peer) => {
    if (packet !== 'g') return false;
    peer.raw('hello\u0000+\u0007%Stop:T05#cc');
    peer.packet('O48690a');
    return false;
  });
  const { gdb } = both;
  t.equal((await gdb.readRegisters(0)).rip, 16n);
  t.strictSame(
    gdb.observations.map(({ kind }) => kind),
    ['junk', 'junk', 'bad-notification', 'console-output'],
  );
});

t.test('a hang-up in the middle of a packet', async (t) => {
  await using both = await pair((packet, peer) => {
    if (packet !== 'g') return false;
    peer.raw('+$0011');
    setTimeout(() => peer.end(), 20);
    return true;
  });
  const { gdb } = both;
  await t.rejects(gdb.readRegisters(0), { name: 'GdbClosedError', reason: /in the middle of a packet/u });
  await t.rejects(gdb.readRegisters(0), { name: 'GdbClosedError' });
  await t.rejects(gdb.continueAll(), { name: 'GdbClosedError' });
  t.match(await gdb.closed, { name: 'GdbClosedError' });
  await gdb.close();
});

t.test('a wait for a stop ends when QEMU exits', async (t) => {
  await using both = await pair((packet, peer) => {
    if (isResume(packet)) setTimeout(() => (peer.packet('W00'), peer.end()), 20);
    return false;
  });
  const { gdb } = both;
  await gdb.continueAll();
  t.match(await gdb.waitForStop(), { reason: { kind: 'exited', status: 0 } });
  await gdb.closed;
  t.match(await gdb.waitForStop(), { reason: { kind: 'exited' } }, 'what had come still counts');
});

t.test('acknowledgements: one for all that came at once', async (t) => {
  await using both = await pair(() => false);
  const { stub, gdb } = both;
  await gdb.readRegisters(0);
  await new Promise((resolve) => setTimeout(resolve, 30));
  const before = stub.bytes().length;
  stub.peer().raw(framePacket('T02thread:01;').repeat(2));
  await new Promise((resolve) => setTimeout(resolve, 30));
  t.equal(stub.bytes().slice(before), '+');
  t.equal(gdb.stops.length, 2);
});

t.test('without acknowledgements, when both sides want that', async (t) => {
  await using both = await pair(
    (packet, peer) => {
      if (packet.startsWith('qSupported'))
        peer.reply('PacketSize=1000;qXfer:features:read+;QStartNoAckMode+');
      else if (packet === 'QStartNoAckMode') peer.reply('OK');
      else return false;
      return true;
    },
    { noAck: true },
  );
  const { stub, gdb } = both;
  const from = stub.bytes().indexOf('QStartNoAckMode');
  t.equal((await gdb.readRegisters(0)).rip, 16n);
  t.equal(stub.bytes().slice(from).split('+').length - 1, 1, 'the last is for the reply that ended them');
});
