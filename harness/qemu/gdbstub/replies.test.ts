import t from 'tap';
import { parseStopReply, type StopReply } from './stop-reply.js';
import { parseSupported } from './supported.js';
import { formatThreadId, parseThreadId } from './thread-id.js';

const STOPS: readonly (readonly [string, StopReply | undefined])[] = [
  ['T02thread:01;', { signal: 2, vcpu: 0, reason: { kind: 'interrupt' } }],
  ['T05thread:p01.02;', { signal: 5, vcpu: 1, reason: { kind: 'trap' } }],
  ['T05thread:0b;', { signal: 5, vcpu: 10, reason: { kind: 'trap' } }],
  ['S05', { signal: 5, vcpu: undefined, reason: { kind: 'trap' } }],
  ['T03thread:01;', { signal: 3, vcpu: 0, reason: { kind: 'shutdown' } }],
  ['T8fthread:01;', { signal: 0x8f, vcpu: 0, reason: { kind: 'unknown-signal' } }],
  [
    'T05thread:01;watch:ffffffff82a0;',
    { signal: 5, vcpu: 0, reason: { kind: 'watchpoint', access: 'write', address: 0xffff_ffff_82a0n } },
  ],
  [
    'T05thread:01;awatch:10;',
    { signal: 5, vcpu: 0, reason: { kind: 'watchpoint', access: 'access', address: 16n } },
  ],
  ['T05thread:01;watch:xyz;', { signal: 5, vcpu: 0, reason: { kind: 'trap' } }],
  ['T05thread:01;watching:10;10:0000;', { signal: 5, vcpu: 0, reason: { kind: 'trap' } }],
  ['T05thread:-1;', { signal: 5, vcpu: undefined, reason: { kind: 'trap' } }],
  ['W00', { signal: 0, vcpu: undefined, reason: { kind: 'exited', status: 0 } }],
  ['X0b', { signal: 0, vcpu: undefined, reason: { kind: 'exited', status: 11 } }],
  ['T5', undefined],
  ['Tthread:01;', undefined],
  ['OK', undefined],
  ['', undefined],
];

for (const [text, expected] of STOPS) {
  t.test(`stop reply "${text}"`, (t) => {
    t.strictSame(parseStopReply(text), expected);
    t.end();
  });
}

t.test('thread ids', (t) => {
  t.strictSame(parseThreadId('01'), { pid: undefined, tid: 1 });
  t.strictSame(parseThreadId('p01.1f'), { pid: 1, tid: 31 });
  for (const text of ['', '0', 'p0.1', 'p1.0', '-1', 'p1.-1', 'p1', '1.1', 'g', '123456789', '1 ']) {
    t.equal(parseThreadId(text), undefined, text);
  }
  t.equal(formatThreadId({ pid: 1, tid: 10 }), 'p1.a');
  t.equal(formatThreadId({ pid: undefined, tid: 10 }), 'a');
  t.end();
});

t.test('qSupported', (t) => {
  t.strictSame(parseSupported('PacketSize=1000;qXfer:features:read+;vContSupported+;multiprocess+'), {
    packetBytes: 4096,
    multiprocess: true,
    targetDescription: true,
    noAckMode: false,
  });
  t.match(parseSupported('QStartNoAckMode+;multiprocess-;PacketSize=20020'), {
    packetBytes: 65_536,
    multiprocess: false,
    noAckMode: true,
  });
  t.equal(parseSupported('PacketSize=1').packetBytes, 128);
  t.equal(parseSupported('XPacketSize=1000').packetBytes, 1024);
  t.equal(parseSupported('').targetDescription, false);
  t.end();
});
