import t from 'tap';
import { sectionNamed } from './elf.js';
import { framePointerFrames, orcFrames } from './debug-frame.js';
import type { OrcEntry } from './orc.js';
import { symbolsElf } from './symbols-elf.js';

const TEXT = 0xffffffff81000000n;

function at(offset: bigint, name: string, type = 'T') {
  return { address: TEXT + offset, name, type };
}

/** The symbols of the table in the file: name, address, size, and the section's number. */
function read(file: Buffer): (readonly [string, bigint, bigint, number])[] {
  const table = sectionNamed(file, '.symtab');
  const strings = sectionNamed(file, '.strtab').toString('latin1');
  return Array.from({ length: table.length / 24 - 1 }, (_, index) => {
    const entry = (index + 1) * 24;
    const start = table.readUInt32LE(entry);
    const name = strings.slice(start, strings.indexOf('\0', start));
    return [
      name,
      table.readBigUInt64LE(entry + 8),
      table.readBigUInt64LE(entry + 16),
      table.readUInt16LE(entry + 6),
    ];
  });
}

void t.test(
  'symbols with sizes up to the next address; what is no address of the kernel is left out',
  async (t) => {
    const file = symbolsElf([
      at(0x40n, 'panic'),
      at(0n, '_text'),
      at(0n, '_stext'),
      { address: 0n, name: 'fixed_percpu_data', type: 'A' },
      at(0x1000000n, 'ioapic_lock', 'd'),
      at(0x60n, 'last', 't'),
    ]);
    t.strictSame(file === undefined ? [] : read(file), [
      ['_text', TEXT, 0x40n, 1],
      ['_stext', TEXT, 0x40n, 1],
      ['panic', TEXT + 0x40n, 0x20n, 1],
      ['last', TEXT + 0x60n, 0n, 1],
      ['ioapic_lock', TEXT + 0x1000000n, 0n, 0xfff1],
    ]);
    t.equal(symbolsElf([at(0n, 'data', 'd')]), undefined);
    t.equal(symbolsElf([]), undefined);
  },
);

/** Each entry of the section: its CIE's place or -1, and for an FDE its range and its program. */
function entriesOf(section: Buffer) {
  const entries: { cie: number; start?: bigint; bytes?: bigint; program: string }[] = [];
  for (let place = 0; place < section.length; ) {
    const length = section.readUInt32LE(place);
    const id = section.readInt32LE(place + 4);
    const body = section.subarray(place + 8, place + 4 + length);
    const isCie = id === -1;
    const program = (isCie ? body : body.subarray(16)).toString('hex').replace(/(00)*$/, '');
    entries.push(
      isCie
        ? { cie: id, program }
        : { cie: id, start: body.readBigUInt64LE(0), bytes: body.readBigUInt64LE(8), program },
    );
    place += 4 + length;
  }
  return entries;
}

const CALL: OrcEntry = {
  kind: 'call',
  spRegister: 'sp',
  spOffset: 16,
  bpRegister: 'previous-sp',
  bpOffset: -16,
};

void t.test('ORC entries as call frame information', async (t) => {
  const entries = entriesOf(
    orcFrames(
      [
        { start: TEXT, entry: CALL },
        { start: TEXT + 16n, entry: { ...CALL, kind: 'regs', spOffset: 0, bpRegister: 'undefined' } },
        { start: TEXT + 32n, entry: { ...CALL, kind: 'end-of-stack' } },
        { start: TEXT + 32n, entry: { ...CALL, kind: 'undefined' } },
        {
          start: TEXT + 48n,
          entry: { ...CALL, spRegister: 'sp-indirect', spOffset: -8, bpRegister: 'undefined' },
        },
      ],
      TEXT + 64n,
    ),
  );
  t.strictSame(
    entries.map(({ cie, start, bytes }) => [cie, start, bytes]),
    [
      [-1, undefined, undefined],
      [-1, undefined, undefined],
      [0, TEXT, 16n],
      [24, TEXT + 16n, 16n],
      [0, TEXT + 32n, 16n],
      [24, TEXT + 48n, 16n],
    ],
    'the second of two entries at one address counts; frames of interrupts and of stack switches have the other CIE',
  );
  const [, interrupted, call, regs, unknown, indirect] = entries;
  t.match(interrupted?.program, /^035300/, 'version 3, augmentation S');
  // def_cfa_expression [breg7 16]; offset_extended_sf r16 1; offset_extended_sf r6 2
  t.equal(call?.program, '0f027710111001110602');
  // def_cfa_expression [breg7 0; plus_uconst 152; deref]; expression r16 [breg7 0; plus_uconst 128]
  t.match(regs?.program, /^0f067700239801061010057700238001/);
  t.equal(unknown?.program, '0710');
  // def_cfa_expression [breg7 0; deref; consts -8; plus]; same_value r6
  t.equal(indirect?.program, '0f067700061178221110010806');
});

void t.test('a kernel with frame pointers: entry code and functions that switch stacks apart', async (t) => {
  const end = TEXT + 0x1000n;
  const range = (start: bigint, bytes: bigint) => ({ start: TEXT + start, end: TEXT + start + bytes });
  const frames = framePointerFrames(
    { start: TEXT, end },
    {
      entry: [range(0x800n, 0x100n)],
      switching: [range(0x900n, 0x40n), range(0x880n, 0x10n), range(0xff0n, 0x20n)],
    },
  );
  const ranges = entriesOf(frames).slice(2);
  t.strictSame(
    ranges.map(({ cie, start, bytes }) => [cie, (start ?? 0n) - TEXT, bytes]),
    [
      [0, 0n, 0x800n],
      [24, 0x800n, 0x100n],
      [24, 0x900n, 0x40n],
      [0, 0x940n, 0x6c0n],
    ],
    'what overlaps or reaches beyond the text is left out',
  );
  // def_cfa r6 16; offset_extended_sf r6 2; offset_extended_sf r16 1
  t.equal(ranges[0]?.program, '0c0610110602111001');
  t.equal(ranges[2]?.program, ranges[0]?.program);
  // def_cfa_expression [breg6 -1; plus_uconst 152; deref]
  t.match(ranges[1]?.program, /^0f06767f23980106/);
  t.equal(entriesOf(framePointerFrames({ start: TEXT, end }, { entry: [], switching: [] })).length, 3);
});
