import t from 'tap';
import { type FramingItem, PacketFraming } from './framing.js';
import { framePacket, unpackPayload } from './packet.js';

/** The items of `bytes`, cut into chunks of `size` bytes; runs of junk are added up, a chunk's end splits them. */
function itemsOf(bytes: string, size: number, maxBytes = 64): FramingItem[] {
  const framing = new PacketFraming(maxBytes);
  const all = Buffer.from(bytes, 'latin1');
  const items: FramingItem[] = [];
  for (let at = 0; at < all.length; at += size) {
    framing.push(all.subarray(at, at + size), (item) => {
      const last = items.at(-1);
      if (item.kind === 'junk' && last?.kind === 'junk') {
        items[items.length - 1] = { kind: 'junk', bytes: last.bytes + item.bytes };
      } else {
        items.push(item);
      }
    });
  }
  return items;
}

const packet = (payload: string): FramingItem => ({ kind: 'packet', payload });
const OK = '$OK#9a';
const CUT_OFF = { kind: 'bad-packet', why: 'cut off by the start of another packet' } as const;
const BAD_SUM = { kind: 'bad-packet', why: 'the checksum does not match' } as const;
const BAD_CODE: FramingItem = { kind: 'bad-packet', why: 'malformed or oversized encoding' };
const TOO_LONG: FramingItem = { kind: 'bad-packet', why: 'longer than 64 bytes' };
const summed = (body: string): string => {
  let sum = 0;
  for (const byte of Buffer.from(body, 'latin1')) sum = (sum + byte) & 0xff;
  return `$${body}#${sum.toString(16).padStart(2, '0')}`;
};

const CASES: readonly (readonly [string, string, readonly FramingItem[]])[] = [
  ['a packet', OK, [packet('OK')]],
  ['an empty packet', '$#00', [packet('')]],
  ['capital digits in the checksum', '$OK#9A', [packet('OK')]],
  [
    'acknowledgements around packets',
    `+${OK}-+`,
    [{ kind: 'ack' }, packet('OK'), { kind: 'nack' }, { kind: 'ack' }],
  ],
  ['the wrong checksum', '$OK#9b', [BAD_SUM]],
  ['a checksum that is no number', '$OK#g1', [BAD_SUM]],
  ['a checksum with a sign is no number either', '$OK#+9', [BAD_SUM]],
  ['a good packet after a bad one', `$OK#00${OK}`, [BAD_SUM, packet('OK')]],
  ['a packet cut off by the next', `$abc${OK}`, [CUT_OFF, packet('OK')]],
  ['a checksum cut off by the next', `$OK#9${OK}`, [CUT_OFF, packet('OK')]],
  [
    'junk between packets',
    `xy${OK}\n\u0000z${OK}`,
    [{ kind: 'junk', bytes: 2 }, packet('OK'), { kind: 'junk', bytes: 3 }, packet('OK')],
  ],
  ['a stray # is junk', `#9a${OK}`, [{ kind: 'junk', bytes: 3 }, packet('OK')]],
  ['a notification', `%${summed('Stop:T05').slice(1)}`, [{ kind: 'notification', payload: 'Stop:T05' }]],
  ['a notification without an end', `%Stop${OK}`, [{ ...CUT_OFF, kind: 'bad-notification' }, packet('OK')]],
  ['a notification with the wrong checksum', '%Stop#00', [{ ...BAD_SUM, kind: 'bad-notification' }]],
  ['% inside a packet is a character', summed('a%b'), [packet('a%b')]],
  ['+ and - inside a packet are characters', summed('qX+-'), [packet('qX+-')]],
  ['escapes', summed('a}\u0003}\u0004}\u000a}]z'), [packet('a#$*}z')]],
  ['an escape at the end', summed('a}'), [BAD_CODE]],
  ['a run: 0 and three more', summed('0* '), [packet('0000')]],
  ['the longest run', summed('a*~'), [{ kind: 'bad-packet', why: 'malformed or oversized encoding' }]],
  ['a run of an escaped character', summed('}\u0003*"'), [packet('######')]],
  ['a run count that looks like an escape', summed('a*}'), [BAD_CODE]],
  ['a run count that looks like a run', summed('ab**c'), [packet(`a${'b'.repeat(14)}c`)]],
  ['a run of nothing', summed('* '), [BAD_CODE]],
  ['a run count below the space', summed('0*\u001f'), [BAD_CODE]],
  ['a run without a count', summed('0*'), [BAD_CODE]],
  ['as long as allowed', summed('x'.repeat(64)), [packet('x'.repeat(64))]],
  [
    'one byte longer, with its rest as junk',
    `${summed('x'.repeat(65))}${OK}`,
    [TOO_LONG, { kind: 'junk', bytes: 3 }, packet('OK')],
  ],
  ['bytes above 0x7f', summed('\u00ff\u0080'), [packet('\u00ff\u0080')]],
];

for (const [name, bytes, expected] of CASES) {
  t.test(name, (t) => {
    for (const size of [1, 2, 3, 7, bytes.length])
      t.strictSame(itemsOf(bytes, size), expected, `chunks of ${size}`);
    t.end();
  });
}

t.test('an endless packet takes no more memory than its bound', (t) => {
  const framing = new PacketFraming(1000);
  const kinds = new Map<string, number>();
  const count = ({ kind }: FramingItem): void => void kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  framing.push(Buffer.from('$'), count);
  for (let chunk = 0; chunk < 100; chunk += 1) framing.push(Buffer.alloc(100, 'a'), count);
  t.strictSame([kinds.get('bad-packet'), kinds.get('packet')], [1, undefined]);
  t.equal(framing.midPacket, false);
  t.end();
});

t.test('midPacket', (t) => {
  const framing = new PacketFraming();
  const states = Array.from('+$OK#9a', (character) => {
    framing.push(Buffer.from(character), () => {});
    return framing.midPacket;
  });
  t.strictSame(states, [false, true, true, true, true, true, false]);
  t.end();
});

t.test('what is framed comes back', (t) => {
  const every = Array.from({ length: 256 }, (_, code) => String.fromCodePoint(code)).join('');
  const items: FramingItem[] = [];
  new PacketFraming().push(Buffer.from(framePacket(every), 'latin1'), (item) => items.push(item));
  t.strictSame(items, [packet(every)]);
  t.equal(framePacket('OK'), OK);
  t.throws(() => framePacket('\u0100'), RangeError);
  t.end();
});

t.test('an unpacked payload is bounded while it is unpacked', (t) => {
  t.equal(unpackPayload(Buffer.from('a*~'), 98)?.length, 98);
  t.equal(unpackPayload(Buffer.from('a*~'), 97), undefined);
  t.end();
});
