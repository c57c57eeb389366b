import t from 'tap';
import { MessageFraming } from './framing.js';
import type { QmpMessage } from './message.js';

function collect(framing: MessageFraming, chunks: readonly Uint8Array[]): QmpMessage[] {
  const messages: QmpMessage[] = [];
  for (const chunk of chunks) framing.push(chunk, (message) => messages.push(message));
  return messages;
}

/** Small deterministic generator, so that a failing seed can be run again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const MESSAGES: QmpMessage[] = [
  { QMP: { version: {}, capabilities: [] } },
  { return: 'brace } in "string" \\ {', id: 1 },
  { return: { nested: [[{ a: [1, { b: '\\"' }] }], []] } },
  { event: 'ü → 漢字 𝄞', data: {}, timestamp: { seconds: 1, microseconds: 2 } },
  {},
];

void t.test('any chunking gives the same messages', async (t) => {
  const layouts = [
    MESSAGES.map((message) => JSON.stringify(message)).join('\r\n'),
    MESSAGES.map((message) => JSON.stringify(message, undefined, 4)).join('\n'),
    MESSAGES.map((message) => JSON.stringify(message)).join(''),
  ];
  for (const layout of layouts) {
    const bytes = Buffer.from(layout);
    t.strictSame(collect(new MessageFraming(), [bytes]), MESSAGES, 'in one chunk');
    const single = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
    t.strictSame(collect(new MessageFraming(), single), MESSAGES, 'byte by byte');
    for (let seed = 1; seed <= 200; seed += 1) {
      const next = random(seed);
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const size = Math.floor(next() * 40);
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      const got = collect(new MessageFraming(), chunks);
      if (JSON.stringify(got) !== JSON.stringify(MESSAGES)) t.strictSame(got, MESSAGES, `seed ${seed}`);
    }
  }
});

void t.test('what came before the offending byte is delivered', async (t) => {
  for (const [garbage, why] of [
    ['hello', /does not begin a JSON object/u],
    ['[1]', /does not begin a JSON object/u],
    ['{"a" 1}', /not valid JSON/u],
    ['{]', /not valid JSON/u],
    ['{"a":"\u0001"}', /not valid JSON/u],
  ] as const) {
    const messages: QmpMessage[] = [];
    t.throws(() => new MessageFraming().push(Buffer.from(`{"id":1}\n${garbage}`), (m) => messages.push(m)), {
      name: 'QmpProtocolError',
      message: why,
    });
    t.strictSame(messages, [{ id: 1 }], garbage);
  }
});

void t.test('invalid UTF-8 is refused, not replaced', async (t) => {
  const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
  t.throws(() => collect(new MessageFraming(), [bytes]), { name: 'QmpProtocolError' });
});

void t.test('length is bounded to the byte', async (t) => {
  const message = Buffer.from(JSON.stringify({ a: 'x'.repeat(92) }));
  t.equal(message.length, 100);
  t.equal(
    collect(new MessageFraming(100), [message, message]).length,
    2,
    'exactly the bound, again and again',
  );
  t.throws(() => collect(new MessageFraming(99), [message]), { message: /longer than 99 bytes/u });
  const endless = new MessageFraming(1000);
  t.throws(
    () => {
      for (let count = 0; count < 2000; count += 1) collect(endless, [Buffer.from(count === 0 ? '{' : ' ')]);
    },
    { message: /longer than 1000 bytes/u },
    'also for a message that drips in and never ends',
  );
});

void t.test('nesting is bounded', async (t) => {
  const nested = (levels: number): Buffer => Buffer.from(`{"a":${'['.repeat(levels)}${']'.repeat(levels)}}`);
  t.equal(collect(new MessageFraming(), [nested(1023)]).length, 1);
  t.throws(() => collect(new MessageFraming(), [nested(1024)]), { message: /nested deeper than 1024/u });
});

void t.test('knows when it is in the middle of a message', async (t) => {
  const framing = new MessageFraming();
  collect(framing, [Buffer.from('{"a":1}\n{"b"')]);
  t.equal(framing.midMessage, true);
  collect(framing, [Buffer.from(':1}\n')]);
  t.equal(framing.midMessage, false);
});
