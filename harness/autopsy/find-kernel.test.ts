import t from 'tap';
import { GdbClosedError, GdbRemoteError } from '../qemu/gdbstub/index.js';
import { MadePhysicalMemory } from '../testing/builders/page-tables.js';
import { MADE_RING, MadeKernelMemory } from '../testing/builders/printk-ring.js';
import type { SeenTables } from '../timeline/tables-seen.js';
import { findKernel } from './find-kernel.js';
import { kernelLogOf } from './kernel-log.js';

const RELEASE = '6.1.0-56-amd64';
const MOVED = 0x2c400000n;
const PHYSICAL = 0x4000_0000n;

/** A kernel whose image is mapped, page by page, by one set of tables. */
function machine() {
  const kernel = new MadeKernelMemory([{ text: 'hello' }]);
  const tables = new MadePhysicalMemory();
  const root = tables.table();
  const pages = new Map<bigint, Buffer>();
  let frame = PHYSICAL;
  for (const [address, bytes] of kernel.bytes) {
    tables.map(root, { from: address, to: frame });
    pages.set(frame, bytes);
    frame += 0x1000n;
  }
  const gdb = {
    async readPhysicalMemory(address: bigint, length: number) {
      const page = pages.get(address & ~0xfffn);
      const offset = Number(address & 0xfffn);
      if (page !== undefined) return page.subarray(offset, offset + length);
      if (address >= PHYSICAL) throw new GdbRemoteError('read', 'm', 0x14, 'no memory');
      return tables.read({ address, length });
    },
  };
  const seen = (one: bigint): SeenTables => ({ tables: { root: one, levels: 4 }, user: false });
  return { kernel, gdb, root, seen };
}

void t.test('a kernel is found by its banner, wherever KASLR has put it', async (t) => {
  const { kernel, gdb, root, seen } = machine();
  const known = { symbols: kernel.symbols(-MOVED), release: RELEASE };
  // The latest tables belong to a process that has ended.
  const found = await findKernel(known, { gdb, seen: [seen(0x7000n), seen(root)] });
  t.equal(found?.symbols.named('prb')[0]?.address, MADE_RING.PRB);
  t.match(found && (await kernelLogOf('capture', found)), {
    fact: 'kernel-log',
    side: 'capture',
    text: '[    1.234567] hello\n',
  });
});

void t.test('another kernel, other tables', async (t) => {
  const { kernel, gdb, root, seen } = machine();
  const symbols = kernel.symbols(-MOVED);
  t.equal(await findKernel({ symbols, release: '6.1.0' }, { gdb, seen: [seen(root)] }), undefined);
  t.equal(await findKernel({ symbols, release: RELEASE }, { gdb, seen: [seen(0x7000n)] }), undefined);
  t.equal(await findKernel({ symbols, release: RELEASE }, { gdb, seen: [] }), undefined);
  const gone = { readPhysicalMemory: async () => Promise.reject(new GdbClosedError('read', 'gone')) };
  await t.rejects(
    findKernel({ symbols, release: RELEASE }, { gdb: gone, seen: [seen(root)] }),
    GdbClosedError,
  );
});
