import t from 'tap';
import type { GdbClient, GdbStop } from './index.js';
import type { FakeBehaviour, FakePeer } from '../../testing/fakes/gdb-stub.js';
import { REGISTER_NAMES } from './register-layout.js';
import { isResume, pair } from '../../testing/fakes/gdb-pair.js';

t.test('registers and memory, each through the thread that was named', async (t) => {
  await using both = await pair(() => false);
  const { stub, gdb } = both;
  t.strictSame(gdb.vcpus, [0, 1]);
  t.match(await gdb.readRegisters(1), { rax: 0n, rip: 16n, rflags: 17n });
  t.equal((await gdb.readMemory(0x1000n, 5000)).toString(), 'Z'.repeat(5000));
  await gdb.writeMemory(0x1000n, Buffer.alloc(3000, 0x7d));
  const from = stub.received.indexOf('Hgp1.2');
  t.strictSame(stub.received.slice(from, from + 6), [
    'Hgp1.2',
    'g',
    'Hgp1.1',
    'm1000,7fe',
    'm17fe,7fe',
    'm1ffc,38c',
  ]);
  const writes = stub.received.filter((packet) => packet.startsWith('M'));
  t.strictSame(
    writes.map((packet) => packet.slice(0, 12)),
    ['M1000,7f0:7d', 'M17f0,3c8:7d'],
  );
  t.ok(writes.every((packet) => packet.length < 4096));
  await t.rejects(gdb.readRegisters(2), RangeError);
  await t.rejects(gdb.readMemory(-1n, 8), RangeError);
  await t.rejects(gdb.readMemory((1n << 64n) - 4n, 8), RangeError);
});

t.test('physical memory, and virtual addresses again afterwards', async (t) => {
  let refuse = false;
  await using both = await pair((packet, peer) => {
    if (!refuse || !packet.startsWith('m')) return false;
    peer.reply('E14');
    return true;
  });
  const { stub, gdb } = both;
  const from = stub.received.length;
  t.equal((await gdb.readPhysicalMemory(0x24000000n, 1)).toString(), 'Z');
  await gdb.writePhysicalMemory(0x24000000n, Buffer.from([0xa5]));
  refuse = true;
  await t.rejects(gdb.readPhysicalMemory(0x10n, 1), { name: 'GdbRemoteError', code: 0x14 });
  const [on, off] = ['Qqemu.PhyMemMode:1', 'Qqemu.PhyMemMode:0'];
  t.strictSame(stub.received.slice(from), [
    on,
    'm24000000,1',
    off,
    on,
    'M24000000,1:a5',
    off,
    on,
    'm10,1',
    off,
  ]);
});

t.test('operations that overlap do not mix', async (t) => {
  await using both = await pair(() => false);
  const { stub, gdb } = both;
  const from = stub.received.length;
  await Promise.all([gdb.readRegisters(0), gdb.readRegisters(1), gdb.readMemory(16n, 1)]);
  t.strictSame(stub.received.slice(from), ['Hgp1.1', 'g', 'Hgp1.2', 'g', 'Hgp1.1', 'm10,1']);
});

t.test('a write is proved; P that the stub does not know becomes G', async (t) => {
  let registers: string | undefined;
  await using both = await pair((packet, peer) => {
    if (packet.startsWith('P')) peer.reply('');
    else if (packet.startsWith('G')) {
      registers = packet.slice(1);
      return false;
    } else if (packet === 'g' && registers !== undefined) peer.reply(registers);
    else return false;
    return true;
  });
  const { gdb } = both;
  await gdb.writeRegister(0, 'rip', 0xffff_ffff_8100_0000n);
  const after = await gdb.readRegisters(0);
  t.match(after, { rip: 0xffff_ffff_8100_0000n, r15: 15n, rflags: 17n });
});

t.test('a write that does not take is an error', async (t) => {
  await using both = await pair(() => false);
  await t.rejects(both.gdb.writeRegister(0, 'rip', 5n), {
    name: 'GdbProtocolError',
    message: /it has 0x10/u,
  });
  t.equal(both.stub.received.filter((packet) => packet.startsWith('P')).length, 1);
});

t.test('refusals', async (t) => {
  await using both = await pair((packet, peer) => {
    if (packet.startsWith('m')) peer.reply('E14');
    else if (packet.startsWith('P')) peer.reply('E22');
    else if (packet.startsWith('Z')) peer.reply('');
    else return false;
    return true;
  });
  const { gdb } = both;
  await t.rejects(gdb.readMemory(0x10n, 8), { name: 'GdbRemoteError', code: 0x14, packet: 'm10,8' });
  await t.rejects(gdb.writeRegister(0, 'rax', 8n), { name: 'GdbRemoteError', code: 0x22 });
  await t.rejects(gdb.setBreakpoint(1n, 'hardware'), { name: 'GdbRemoteError', code: undefined });
  t.strictSame(gdb.breakpoints, []);
});

t.test('stops are matched to the resume that they end', async (t) => {
  const stops: GdbStop[] = [];
  await using both = await pair(
    (packet, peer) => {
      if (packet === 'g') {
        // A QMP stop in between: QEMU 7.2 tells it whoever asks what.
        peer.raw('+');
        peer.packet('T02thread:01;');
        peer.packet('T02thread:01;');
        return false;
      }
      if (!isResume(packet)) return false;
      // This one was on its way when the resume arrived; the next ends it.
      peer.packet('T02thread:01;');
      peer.raw('+');
      setTimeout(() => peer.packet('T05thread:02;'), 20);
      return true;
    },
    { onStop: (stop) => stops.push(stop) },
  );
  const { gdb } = both;
  t.match(await gdb.readRegisters(0), { rip: 16n }, 'the reply is found among the stops');
  await t.rejects(gdb.waitForStop(), { name: 'GdbStateError' }, 'nothing was resumed');
  await gdb.continueVcpus([1]);
  t.strictSame(gdb.running, [1]);
  t.match(await gdb.waitForStop(), { vcpu: 1, reason: { kind: 'trap' }, resume: 1 });
  t.match(await gdb.waitForStop(), { vcpu: 1 }, 'the same one again');
  t.strictSame(gdb.running, []);
  t.strictSame(
    stops.map(({ seq, resume, text }) => [seq, resume, text]),
    [
      [0, undefined, 'T02thread:01;'],
      [1, undefined, 'T02thread:01;'],
      [2, undefined, 'T02thread:01;'],
      [3, 1, 'T05thread:02;'],
    ],
  );
  t.strictSame(gdb.stops, stops);
});

t.test('a stop in the same bytes as the acknowledgement', async (t) => {
  await using both = await pair((packet, peer) => {
    if (isResume(packet)) peer.reply('T05thread:p01.02;');
    return isResume(packet);
  });
  const { stub, gdb } = both;
  t.match(await gdb.step(1), { vcpu: 1, resume: 1 });
  t.equal(stub.received.at(-1), 'vCont;s:p1.2');
  t.equal(stub.received.at(-2), 'Hcp1.2', 'QEMU ends the stepping of the vCPU that is current');
  await gdb.continueVcpus([0, 1]);
  t.equal(stub.received.at(-1), 'vCont;c:p1.1;c:p1.2');
  t.match(await gdb.waitForStop(), { resume: 2 });
  await t.rejects(gdb.continueVcpus([]), RangeError);
  t.equal((await gdb.readRegisters(0)).rip, 16n);
});

t.test('a resume that is refused, at once or later', async (t) => {
  let delayMs = 0;
  await using both = await pair((packet, peer) => {
    if (!isResume(packet)) return false;
    if (delayMs === 0) peer.reply('E22');
    else {
      peer.raw('+');
      setTimeout(() => peer.packet('E22'), delayMs);
    }
    return true;
  });
  const { gdb } = both;
  await t.rejects(gdb.continueAll(), { name: 'GdbRemoteError', code: 0x22 });
  t.equal(gdb.state, 'stopped');
  delayMs = 20;
  await gdb.continueAll();
  await t.rejects(gdb.waitForStop(), { name: 'GdbRemoteError', code: 0x22 });
  t.equal(gdb.state, 'stopped');
  t.equal((await gdb.readRegisters(0)).rip, 16n, 'the connection lives');
});

t.test('only an interrupt is sent to a running guest', async (t) => {
  await using both = await pair((packet, peer) => {
    if (packet === '\u0003') peer.packet('T02thread:01;');
    return packet === '\u0003';
  });
  const { stub, gdb } = both;
  await gdb.continueAll();
  const sent = stub.bytes().length;
  await t.rejects(gdb.readRegisters(0), { name: 'GdbStateError' });
  await t.rejects(gdb.setBreakpoint(1n, 'software'), { name: 'GdbStateError' });
  await t.rejects(gdb.continueAll(), { name: 'GdbStateError' });
  await t.rejects(gdb.waitForStop({ deadlineMs: 30 }), { name: 'GdbTimeoutError', deadlineMs: 30 });
  t.equal(stub.bytes().length, sent, 'not a byte');
  t.match(await gdb.interrupt(), { reason: { kind: 'interrupt' }, resume: 1 });
  t.equal(await gdb.interrupt(), undefined);
});

t.test('KVM has four debug registers, and breakpoints are what was set', async (t) => {
  await using both = await pair(() => false, { accel: 'kvm' });
  const { stub, gdb } = both;
  for (const address of [1n, 2n, 3n]) await gdb.setBreakpoint(address, 'hardware');
  await gdb.setBreakpoint(3n, 'hardware');
  await gdb.setWatchpoint(8n, { length: 8, access: 'write' });
  await gdb.setBreakpoint(5n, 'software');
  await t.rejects(gdb.setBreakpoint(4n, 'hardware'), {
    name: 'GdbStateError',
    message:
      /cannot set a hardware breakpoint at "0x4": KVM has 4 debug registers and all are used \(0x1, 0x2, 0x3, 0x8\); remove/u,
  });
  await t.rejects(gdb.setWatchpoint(16n, { length: 1, access: 'access' }), { name: 'GdbStateError' });
  await gdb.removeBreakpoint(2n, 'hardware');
  await gdb.setBreakpoint(4n, 'hardware');
  await t.rejects(gdb.removeBreakpoint(2n, 'hardware'), { name: 'GdbStateError' });
  t.strictSame(
    stub.received.filter((packet) => /^z/iu.test(packet)),
    ['Z1,1,1', 'Z1,2,1', 'Z1,3,1', 'Z2,8,8', 'Z0,5,1', 'z1,2,1', 'Z1,4,1'],
  );
  t.equal(gdb.breakpoints.length, 5);
});

t.test('TCG has no such limit', async (t) => {
  await using both = await pair(() => false);
  for (let address = 1n; address < 9n; address += 1n) await both.gdb.setBreakpoint(address, 'hardware');
  t.equal(both.gdb.breakpoints.length, 8);
});

t.test('close releases the guest', async (t) => {
  const answerInterrupt: FakeBehaviour = (packet, peer) => {
    if (packet === '\u0003') peer.packet('T02thread:01;');
    return packet === '\u0003';
  };
  const ends = async (prepare: (gdb: GdbClient) => Promise<void>, how?: 'leave'): Promise<string[]> => {
    await using both = await pair(answerInterrupt);
    const from = both.stub.received.length;
    await prepare(both.gdb);
    await both.gdb.close({ guest: how });
    await new Promise((resolve) => setTimeout(resolve, 20));
    return both.stub.received.slice(from).filter((packet) => !/^[HZ]/u.test(packet));
  };
  t.strictSame(await ends(async () => {}), ['D;1'], 'a stopped one');
  t.strictSame(
    await ends((gdb) => gdb.continueVcpus([0])),
    ['vCont;c:p1.1', '\u0003', 'D;1'],
    'one half held',
  );
  t.strictSame(
    await ends((gdb) => gdb.continueAll()),
    ['vCont;c:p1.1;c:p1.2'],
    'one that runs is left alone',
  );
  t.strictSame(
    await ends(async (gdb) => {
      await gdb.setBreakpoint(1n, 'hardware');
      await gdb.continueAll();
    }),
    ['vCont;c:p1.1;c:p1.2', '\u0003', 'D;1'],
    'one with a breakpoint',
  );
  t.strictSame(await ends(async () => {}, 'leave'), [], 'only on request it stays as it is');
});

t.test('close says when the guest could not be released', async (t) => {
  await using both = await pair((packet) => packet.startsWith('D'));
  await t.rejects(both.gdb.close({ deadlineMs: 50 }), { name: 'GdbTimeoutError' });
  t.equal(both.gdb.state, 'closed');
  await both.gdb.close();
});

t.test('every packet is reported, in order; an error of a listener has no effect', async (t) => {
  const told: string[] = [];
  await using both = await pair(() => false, {
    onPacket: (direction, text, atMs) => {
      told.push(`${direction} ${text}`);
      if (!(atMs > 0) || text === 'g') throw new Error('listener');
    },
  });
  await both.gdb.readRegisters(0);
  await both.gdb.continueAll();
  t.strictSame(told.slice(0, 2), [
    'sent qSupported:multiprocess+;vContSupported+',
    'received PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+',
  ]);
  t.match(told.at(-1), 'sent vCont;c:p1.1;c:p1.2');
  t.match(both.gdb.observations, [{ kind: 'listener-threw', listener: 'onPacket' }]);
});

/** A stub under KVM whose vCPU 0 is at 3, and stops at once whenever it is resumed. */
const atOnce = (packet: string, peer: FakePeer): boolean => {
  if (!isResume(packet)) return false;
  peer.raw('+');
  peer.packet('T05thread:p01.01;');
  return true;
};
const RIP = BigInt(REGISTER_NAMES.indexOf('rip'));
const moves = (received: readonly string[]) => received.filter((packet) => /^(z|vCont;|P)/iu.test(packet));

t.test('under KVM a breakpoint at RIP is taken out for a step', async (t) => {
  await using both = await pair(atOnce, { accel: 'kvm' });
  const { stub, gdb } = both;
  await gdb.setBreakpoint(RIP, 'hardware');
  await gdb.setBreakpoint(RIP + 1n, 'software');
  await gdb.step(0);
  const at = RIP.toString(16);
  t.strictSame(moves(stub.received).slice(2), [`z1,${at},1`, 'vCont;s:p1.1', `Z1,${at},1`]);
  t.equal(gdb.breakpoints.length, 2);
});

t.test('under KVM a step at a RIP that was written lets KVM have it first', async (t) => {
  await using both = await pair(atOnce, { accel: 'kvm' });
  const { stub, gdb } = both;
  await gdb.writeRegister(0, 'rip', RIP);
  await gdb.step(0);
  await gdb.step(0);
  const at = RIP.toString(16);
  t.strictSame(moves(stub.received).slice(1), [
    `Z1,${at},1`,
    'vCont;c:p1.1',
    `z1,${at},1`,
    'vCont;s:p1.1',
    'vCont;s:p1.1',
  ]);
  await gdb.writeRegister(0, 'rip', RIP);
  await gdb.continueAll();
  await gdb.waitForStop();
  await gdb.step(0);
  t.strictSame(moves(stub.received).slice(-2), ['vCont;c:p1.1;c:p1.2', 'vCont;s:p1.1'], 'it has run');
});

t.test('under TCG a step is a step', async (t) => {
  await using both = await pair(atOnce);
  const { stub, gdb } = both;
  await gdb.setBreakpoint(RIP, 'hardware');
  await gdb.writeRegister(0, 'rip', RIP);
  await gdb.step(0);
  t.strictSame(moves(stub.received).slice(-1), ['vCont;s:p1.1']);
  t.equal(moves(stub.received).filter((packet) => packet.startsWith('z')).length, 0);
});
