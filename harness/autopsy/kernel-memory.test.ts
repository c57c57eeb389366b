import t from 'tap';
import { GdbClosedError } from '../qemu/gdbstub/index.js';
import { isolated, kernelReader, LOCK } from '../testing/fakes/kernel-reader.js';
import { readKernelMemory } from './kernel-memory.js';

void t.test('through a vCPU in kernel mode, whichever it is', async (t) => {
  const maps = Buffer.from('01000000', 'hex');
  t.strictSame(await readKernelMemory(kernelReader([{ user: true }, { maps }]), LOCK, 4), maps);
  t.strictSame(
    await readKernelMemory(kernelReader([{}, { maps }]), LOCK, 4),
    maps,
    'the first has no such page',
  );
  t.strictSame(
    await readKernelMemory(kernelReader([{ user: true, maps }]), LOCK, 4),
    maps,
    'without isolation user mode maps the kernel',
  );
});

void t.test("through physical memory when all are in user mode: by the kernel's tables", async (t) => {
  const { memory, user } = isolated();
  const gdb = kernelReader(
    [
      { user: true, cr3: user },
      { user: true, cr3: user },
    ],
    memory,
  );
  t.strictSame(await readKernelMemory(gdb, LOCK, 8), Buffer.from('0100000077000000', 'hex'), 'across pages');
  t.equal(await readKernelMemory(gdb, LOCK + 0x10_0000n, 4), undefined, 'a page that is not mapped');
});

void t.test('unmapped memory is undefined, not an error', async (t) => {
  t.equal(await readKernelMemory(kernelReader([{ user: true, cr3: 0x3000n }]), LOCK, 4), undefined);
  t.equal(
    await readKernelMemory(kernelReader([{ cr0: 0x60000010n, maps: Buffer.alloc(4) }]), LOCK, 4),
    undefined,
    'a vCPU that was not started has no page tables',
  );
});

void t.test('a stub that is gone is an error', async (t) => {
  const gdb = kernelReader([{}]);
  await t.rejects(
    readKernelMemory(
      { ...gdb, readMemory: () => Promise.reject(new GdbClosedError('read', 'QEMU died')) },
      LOCK,
      4,
    ),
    GdbClosedError,
  );
});
