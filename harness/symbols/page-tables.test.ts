import t from 'tap';
import { MadePhysicalMemory } from '../testing/builders/page-tables.js';
import { finishReading } from './guest-memory.js';
import { kernelTablesOf, type PageTables, translate } from './page-tables.js';

const KERNEL = 0xffffffff82345678n;
const PAGE_MASK = ~0xfffn;

const walk = (memory: MadePhysicalMemory, address: bigint, tables: PageTables) =>
  finishReading(translate(address, tables), (request) => memory.read(request));

void t.test('pages of every size, with four levels and with five', async (t) => {
  for (const levels of [4, 5] as const) {
    for (const [level, size] of [
      [1, 1n << 12n],
      [2, 1n << 21n],
      [3, 1n << 30n],
    ] as const) {
      const memory = new MadePhysicalMemory();
      const root = memory.table();
      memory.map(root, { from: KERNEL & ~(size - 1n), to: 0x4000_0000n, levels, level });
      const offset = KERNEL & (size - 1n);
      t.strictSame(
        walk(memory, KERNEL, { root, levels }),
        { address: 0x4000_0000n + offset, bytesInPage: size - offset },
        `${size} bytes, ${levels} levels`,
      );
      t.equal(walk(memory, KERNEL + size, { root, levels }), undefined, 'the page behind is not mapped');
    }
  }
});

void t.test('flags of CR3 and of entries are no part of an address', async (t) => {
  const memory = new MadePhysicalMemory();
  const root = memory.table();
  memory.map(root, { from: KERNEL & PAGE_MASK, to: 0x8000_0000_0123_4000n });
  t.equal(walk(memory, KERNEL, { root: root | (1n << 63n) | 0x803n, levels: 4 })?.address, 0x123_4678n);
});

void t.test('tables that cannot be read map nothing', async (t) => {
  t.equal(
    finishReading(translate(KERNEL, { root: 0x1000n, levels: 4 }), () => undefined),
    undefined,
  );
});

const pairOf = (memory: MadePhysicalMemory, root: bigint) =>
  finishReading(kernelTablesOf({ root, levels: 4 }), (request) => memory.read(request));

void t.test("the kernel's tables of a process under page-table isolation", async (t) => {
  const memory = new MadePhysicalMemory();
  const kernel = memory.table(true);
  const user = kernel + 0x1000n;
  memory.map(kernel, { from: 0x40_0000n, to: 0x200_0000n });
  memory.write(user, memory.word(kernel));
  memory.write(kernel, memory.word(kernel) | (1n << 63n));
  t.strictSame(pairOf(memory, user | 0x87fn), { root: kernel, levels: 4 }, 'the NX bit and the PCID differ');
  t.equal(pairOf(memory, kernel), undefined, "the kernel's own has no other");
});

void t.test('what only looks like it: the bit of an address without isolation', async (t) => {
  const memory = new MadePhysicalMemory();
  const before = memory.table(true);
  const root = before + 0x1000n;
  memory.map(root, { from: 0x40_0000n, to: 0x200_0000n });
  t.equal(pairOf(memory, root), undefined, 'the page before is zero');
  memory.write(before, 0xdead_beefn);
  t.equal(pairOf(memory, root), undefined, 'or something else');
  t.equal(pairOf(new MadePhysicalMemory(), root), undefined, 'two empty pages are no pair');
});
