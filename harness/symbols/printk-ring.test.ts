import t from 'tap';
import { MADE_RING, MadeKernelMemory, type MadeRecord } from '../testing/builders/printk-ring.js';
import { finishReading, readPrintkRing } from './index.js';

function logOf(memory: MadeKernelMemory): string | undefined {
  return finishReading(readPrintkRing(memory.symbols()), (request) => memory.read(request));
}

const S = '[    1.234567] ';

void t.test('records as dmesg prints them', async (t) => {
  const memory = new MadeKernelMemory([
    { text: 'Linux version', ns: 0n },
    { text: 'two\nlines' },
    { text: '' },
    { text: 'late', ns: 123_456_789_012_345n },
  ]);
  t.equal(logOf(memory), `[    0.000000] Linux version\n${S}two\n${S}lines\n${S}\n[123456.789012] late\n`);
});

void t.test('both rings wrap: what was overwritten is gone', async (t) => {
  const records = Array.from(
    { length: 100 },
    (_, index): MadeRecord => ({ text: `record ${index} ${'x'.repeat(50)}` }),
  );
  const lines = logOf(new MadeKernelMemory(records))?.trimEnd().split('\n') ?? [];
  t.equal(lines.length, 32, 'as many as there are descriptors');
  t.match(lines.at(-1), 'record 99 ');
  t.match(lines[0], 'record 68 ');
  // 20 records of 64 bytes in 1 KiB; the block at the end of the ring is at its start.
  const small =
    logOf(new MadeKernelMemory(records.slice(0, 20), { sizeBits: 10 }))
      ?.trimEnd()
      .split('\n') ?? [];
  t.match(small.at(-1), 'record 19 ');
  t.ok(small.length >= 10 && small.length < 17, `${small.length} lines`);
});

void t.test('records that a CPU was writing are left out', async (t) => {
  const memory = new MadeKernelMemory([
    { text: 'one' },
    { text: 'half', state: 0n },
    { text: 'open', state: 1n },
    { text: 'last', state: 0n },
  ]);
  t.equal(logOf(memory), `${S}one\n${S}open\n`);
  t.equal(logOf(new MadeKernelMemory([{ text: 'gone', state: 3n }, { text: 'new' }])), `${S}new\n`);
});

void t.test('VMCOREINFO shows where members are', async (t) => {
  const vmcoreinfo = [
    'OSRELEASE=5.10.0',
    `SYMBOL(prb)=${MADE_RING.PRB.toString(16)}`,
    'OFFSET(printk_ringbuffer.text_data_ring)=40',
    'SIZE(prb_desc)=24',
    'SIZE(printk_info)=88',
    '',
  ].join('\n');
  const options = { textDataRing: 40 };
  t.equal(logOf(new MadeKernelMemory([{ text: 'v5.10' }], { ...options, vmcoreinfo })), `${S}v5.10\n`);
  t.equal(logOf(new MadeKernelMemory([{ text: 'v5.10' }], options)), undefined, 'the layout is not known');
});

void t.test('hostile memory is bounded', async (t) => {
  const one: MadeRecord[] = [{ text: 'one' }];
  const changed = (change: (memory: MadeKernelMemory) => void) => {
    const memory = new MadeKernelMemory(one);
    change(memory);
    return logOf(memory);
  };
  t.equal(
    changed((memory) => memory.word(MADE_RING.PRB, 0n)),
    undefined,
    'no ring',
  );
  t.equal(
    changed((memory) => memory.word(MADE_RING.RING, 60n)),
    undefined,
    'too many descriptors',
  );
  t.equal(
    changed((memory) => memory.word(MADE_RING.RING + 48n, 63n)),
    undefined,
    'too much text',
  );
  t.equal(
    changed((memory) => memory.word(MADE_RING.RING + 24n, 7n)),
    undefined,
    'the head is no record',
  );
  t.equal(
    changed((memory) => memory.word(MADE_RING.RING + 8n, (1n << 64n) - 8n)),
    undefined,
    'end of memory',
  );
  t.equal(
    changed((memory) => memory.word(MADE_RING.DESCS + 16n, 0n)),
    undefined,
    'a block that ends before it begins',
  );
  t.equal(
    changed((memory) => memory.word(MADE_RING.DATA, 9n)),
    undefined,
    'a block of another record',
  );
  t.equal(
    logOf(new MadeKernelMemory([{ text: 'long', claims: 60_000 }])),
    `${S}long\0\0\0\0`.replace(/\0+$/, '') + '\0'.repeat(4) + '\n',
  );
  const many = Array.from({ length: 8000 }, (): MadeRecord => ({ text: 'y'.repeat(100) }));
  const log = logOf(new MadeKernelMemory(many, { countBits: 14, sizeBits: 20 })) ?? '';
  t.ok(log.length <= 64 * 1024 && log.length > 60 * 1024, 'the newest 64 KiB');
});
