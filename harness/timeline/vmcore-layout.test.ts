import t from 'tap';
import { loadsOf } from './core-headers.js';
import type { VmcoreLoad } from '../model/event.js';
import { armedReport } from '../testing/builders/runs.js';
import { parseArmed } from './armed.js';
import { crashedMemory, elfcorehdrOf, unnamedMemory, vmcoreLayout } from './vmcore-layout.js';

const MIB = 1024 * 1024;

/** An ELF64 core's first page with the given PT_LOAD segments, and a PT_NOTE before them. */
function head(loads: readonly { offset: bigint; address: bigint; size: bigint }[]): Buffer {
  const page = Buffer.alloc(4096);
  page.write('\x7fELF\x02\x01\x01', 'latin1');
  page.writeBigUInt64LE(64n, 32);
  page.writeUInt16LE(56, 54);
  page.writeUInt16LE(loads.length + 1, 56);
  page.writeUInt32LE(4, 64);
  loads.forEach(({ offset, address, size }, index) => {
    const at = 64 + 56 * (index + 1);
    if (at + 56 > page.length) return;
    page.writeUInt32LE(1, at);
    page.writeBigUInt64LE(offset, at + 8);
    page.writeBigUInt64LE(address, at + 24);
    page.writeBigUInt64LE(size, at + 32);
  });
  return page;
}

void t.test(
  "the crashed kernel's memory is its RAM but for the reservation and the low memory",
  async (t) => {
    const at = { atMs: 1, at: { source: 'control', offset: 0, length: 1 } } as const;
    const armed = { ...parseArmed(armedReport()), ranges: [{ first: 0x400000n, last: 0x5fffffn }] };
    const ram = [
      { first: 0x1000n, last: 0x9fbffn },
      { first: 0x100000n, last: 0x7fffffn },
    ];
    const events = [
      { ...at, type: 'armed', armed: { ...armed, ram: [] } },
      { ...at, type: 'firing', ram },
    ] as const;
    t.strictSame(
      crashedMemory(events).map(({ address, bytes }) => [address / MIB, bytes / MIB]),
      [
        [1, 3],
        [6, 2],
      ],
    );
    t.strictSame(crashedMemory([]), []);
  },
);

void t.test('segments of a core, and of hostile ones', async (t) => {
  const load = { offset: 0x2000n, address: 0x100000n, size: 0x1000n };
  t.strictSame(loadsOf(head([load])), [
    { offset: 0x2000, address: 0x100000, virtual: '0', sizeBytes: 0x1000 },
  ]);
  t.strictSame(loadsOf(head([{ ...load, size: 0n }])), [], 'empty');
  t.strictSame(loadsOf(head([{ ...load, size: 1n << 63n }])), [], 'no exact number');
  t.strictSame(loadsOf(head([load]).subarray(0, 130)), [], 'cut off');
  t.equal(
    loadsOf(head(Array.from({ length: 100 }, () => load))).length,
    71,
    'as many as the page has room for',
  );
  const odd = head([load]);
  odd.writeUInt16LE(8, 54);
  t.strictSame(loadsOf(odd), [], 'headers that overlap');
  t.strictSame(loadsOf(Buffer.from('\x7fELF\x07', 'latin1')), []);
});

void t.test('the crash image says which memory the file shows', async (t) => {
  const low = { offset: 0x3000 + 0x100, address: 0x1100, sizeBytes: 0x9e000 };
  const high = { offset: 0xa2000, address: MIB, sizeBytes: 2 * MIB };
  const sizeBytes = 0xa2000 + 2 * MIB;
  const headers = [
    { ...low, offset: 0x26f00100 },
    { ...high, offset: MIB },
  ];
  const upper = { offset: 0xa2000, address: MIB, bytes: 2 * MIB };
  t.strictSame(vmcoreLayout([low, high], { headers, sizeBytes }), {
    pieces: [{ offset: 0x3000, address: 0x26f00000, bytes: 0x9f000 }, upper],
    leftOut: [],
    addressesDiffer: 0,
  });
  t.strictSame(
    vmcoreLayout([low, high], { headers: undefined, sizeBytes }).pieces,
    [upper],
    'without it, not the low memory',
  );
  t.strictSame(vmcoreLayout([high], { headers, sizeBytes }).leftOut, [
    { offset: 0, address: 0x26f00000, bytes: 0x9f000 },
  ]);
  t.strictSame(
    vmcoreLayout([high, high], { headers: undefined, sizeBytes }).pieces,
    [upper],
    'an overlap counts once',
  );
  t.strictSame(
    vmcoreLayout([high], { headers: undefined, sizeBytes: 0xa2000 }).pieces,
    [],
    'behind the end of the file',
  );
  t.match(
    vmcoreLayout([low, high], { headers, sizeBytes: sizeBytes - 0x3000 }),
    {
      pieces: [{ offset: 0x3000 }, { ...upper, bytes: 2 * MIB - 0x3000 }],
      leftOut: [{ address: 3 * MIB - 0x3000, bytes: 0x3000 }],
    },
    'the file ends before its last segment does',
  );
  const at = (virtual: string) => ({ ...high, virtual });
  const differing = (shown: string, image: string) =>
    vmcoreLayout([at(shown)], { headers: [{ ...at(image), offset: MIB }], sizeBytes }).addressesDiffer;
  t.equal(differing('ffff888000100000', 'ffff888000100000'), 0);
  t.equal(differing('ffff888000300000', 'ffff888000100000'), 1);
});

void t.test('memory that no header names', async (t) => {
  const range = (first: number, end: number) => ({ first: BigInt(first), last: BigInt(end - 1) });
  const header = (address: number, end: number) => ({ offset: address, address, sizeBytes: end - address });
  const reserved = [range(5 * MIB, 6 * MIB)];
  const ram = [range(0x1000, 0x9fc00), range(MIB, 8 * MIB)];
  const low = header(0x1000, 0x9fc00);
  const all = [header(6 * MIB, 8 * MIB), low, header(MIB, 5 * MIB), header(2 * MIB, 3 * MIB)];
  const bytes = (headers: readonly VmcoreLoad[], of = ram) =>
    unnamedMemory(headers, { ram: of, reserved }).map((piece) => [piece.address, piece.bytes]);
  t.strictSame(bytes(all), [], "the kernel's text is named twice");
  t.strictSame(bytes([low, header(MIB, 5 * MIB)]), [[6 * MIB, 2 * MIB]]);
  t.strictSame(bytes([low, header(MIB, 2 * MIB), header(4 * MIB, 5 * MIB), header(6 * MIB, 8 * MIB)]), [
    [2 * MIB, 2 * MIB],
  ]);
  t.strictSame(bytes(all.slice(0, 1).concat(all.slice(2))), [], 'the low memory');
  const odd = [low, header(MIB + 0x800, 2 * MIB), header(2 * MIB + 0x1800, 8 * MIB)];
  t.strictSame(bytes(odd), [[2 * MIB, 0x1000]], 'whole pages');
  t.strictSame(bytes(all, [...ram, range(16 * MIB, 17 * MIB)]), [[16 * MIB, MIB]], 'added after the load');
  t.strictSame(bytes([], []), [], 'an image that does not report it');
});

void t.test('where the ELF headers are', async (t) => {
  t.equal(elfcorehdrOf('console=ttyS0 elfcorehdr=637228K quiet'), 637228 * 1024);
  t.equal(elfcorehdrOf('elfcorehdr=0x2ef00000'), 0x2ef00000);
  t.equal(elfcorehdrOf('elfcorehdr=4K@16M'), 16 * MIB);
  t.equal(elfcorehdrOf('elfcorehdr=1M quiet elfcorehdr=2M'), 2 * MIB, 'the last one counts');
  t.equal(elfcorehdrOf('elfcorehdr=1M elfcorehdr=x'), undefined);
  for (const line of [
    '',
    'elfcorehdr=',
    'xelfcorehdr=1K',
    'elfcorehdr=1Z',
    'elfcorehdr=99999999999999999999',
  ]) {
    t.equal(elfcorehdrOf(line), undefined, line);
  }
});
