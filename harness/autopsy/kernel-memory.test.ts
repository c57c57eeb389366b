import t from 'tap';
import { proveState } from '../proof/proofs.js';
import { GdbClosedError, GdbRemoteError } from '../qemu/gdbstub/index.js';
import { MadePhysicalMemory } from '../testing/builders/page-tables.js';
import { madeRegisters } from '../testing/builders/gdb-registers.js';
import { stoppedWitness, symbolsOf } from '../testing/fakes/witness.js';
import { type KernelReader, readKernelMemory } from './kernel-memory.js';

const LOCK = 0xffffffff82345ffcn;
const PHYSICAL = 0x345_6000n;

const refused = () => new GdbRemoteError('read', 'm', 0x14, 'the stub answered E14');

interface MadeVcpu {
  readonly user?: boolean;
  readonly cr3?: bigint;
  readonly cr0?: bigint;
  /** What the stub reads through its tables; absent: it refuses. */
  readonly maps?: Buffer;
}

function madeDebugger(vcpus: readonly MadeVcpu[], memory = new MadePhysicalMemory()): KernelReader {
  return {
    vcpus: vcpus.map((_, index) => index),
    async readRegisters(vcpu) {
      const { user = false, cr3 = 0x1000n, cr0 = 0x80050033n } = vcpus[vcpu] ?? {};
      return madeRegisters({ cs: user ? 0x33n : 0x10n, cr3, cr0, cr4: 0x6f0n });
    },
    async readMemory(_address, length, options) {
      const maps = vcpus[options?.vcpu ?? 0]?.maps;
      if (maps === undefined) throw refused();
      return maps.subarray(0, length);
    },
    readPhysicalMemory: async (address, length) => memory.read({ address, length }),
  };
}

/** The tables of a process under page-table isolation, the lock's two pages mapped in the kernel's. */
function isolated() {
  const memory = new MadePhysicalMemory();
  const kernel = memory.table(true);
  const user = kernel + 0x1000n;
  memory.map(kernel, { from: 0x40_0000n, to: 0x200_0000n });
  memory.write(user, memory.word(kernel));
  memory.map(kernel, { from: LOCK & ~0xfffn, to: PHYSICAL });
  memory.map(kernel, { from: (LOCK & ~0xfffn) + 0x1000n, to: PHYSICAL + 0x5000n });
  memory.write(PHYSICAL + 0xff8n, 0x0000_0001_0000_0000n);
  memory.write(PHYSICAL + 0x5000n, 0x77n);
  return { memory, user };
}

void t.test('through a vCPU in kernel mode, whichever it is', async (t) => {
  const maps = Buffer.from('01000000', 'hex');
  t.strictSame(
    await readKernelMemory({ address: LOCK, length: 4 }, madeDebugger([{ user: true }, { maps }])),
    maps,
  );
  t.strictSame(
    await readKernelMemory({ address: LOCK, length: 4 }, madeDebugger([{}, { maps }])),
    maps,
    'the first has no such page',
  );
  t.strictSame(
    await readKernelMemory({ address: LOCK, length: 4 }, madeDebugger([{ user: true, maps }])),
    maps,
    'without isolation user mode maps the kernel',
  );
});

void t.test("through physical memory when all are in user mode: by the kernel's tables", async (t) => {
  const { memory, user } = isolated();
  const gdb = madeDebugger(
    [
      { user: true, cr3: user },
      { user: true, cr3: user },
    ],
    memory,
  );
  t.strictSame(
    await readKernelMemory({ address: LOCK, length: 8 }, gdb),
    Buffer.from('0100000077000000', 'hex'),
    'across pages',
  );
  t.equal(
    await readKernelMemory({ address: LOCK + 0x10_0000n, length: 4 }, gdb),
    undefined,
    'a page that is not mapped',
  );
});

void t.test('what no page tables map is undefined, not an error', async (t) => {
  t.equal(
    await readKernelMemory({ address: LOCK, length: 4 }, madeDebugger([{ user: true, cr3: 0x3000n }])),
    undefined,
  );
  t.equal(
    await readKernelMemory(
      { address: LOCK, length: 4 },
      madeDebugger([{ cr0: 0x60000010n, maps: Buffer.alloc(4) }]),
    ),
    undefined,
    'a vCPU that was not started has no page tables',
  );
});

void t.test('a stub that is gone is an error', async (t) => {
  const gdb = madeDebugger([{}]);
  await t.rejects(
    readKernelMemory(
      { address: LOCK, length: 4 },
      { ...gdb, readMemory: () => Promise.reject(new GdbClosedError('read', 'QEMU died')) },
    ),
    GdbClosedError,
  );
});

void t.test('a proof of a lock with vCPU 0 in user mode under page-table isolation', async (t) => {
  const { memory, user } = isolated();
  const kallsyms = 'ffffffff82345ffc D ioapic_lock\n';
  const prove = (vcpus: readonly MadeVcpu[]) =>
    proveState(
      { lock: 'ioapic_lock', held: true },
      {
        ...stoppedWitness({ kallsyms }),
        kernel: {
          symbols: symbolsOf(kallsyms),
          read: (address, length) => readKernelMemory({ address, length }, madeDebugger(vcpus, memory)),
        },
      },
    );
  t.match(await prove([{ user: true, cr3: user }]), { proved: true, saw: 'lock word 0x1' });
  t.match(await prove([{ user: true, cr3: user }, { maps: Buffer.from('01000000', 'hex') }]), {
    proved: true,
  });
  t.match(await prove([{ user: true, cr3: 0x3000n }]), { proved: false, saw: 'its memory cannot be read' });
});

void t.test('vCPUs in kernel mode are asked first', async (t) => {
  const asked: number[] = [];
  const gdb: KernelReader = {
    vcpus: [0, 1, 2],
    readRegisters: async (vcpu) => madeRegisters({ cr0: 0x80050033n, ...(vcpu === 0 ? { cs: 0x33n } : {}) }),
    readMemory: async (_address, length, { vcpu }) => {
      asked.push(vcpu);
      if (vcpu !== 2) throw new GdbRemoteError('read', 'm', 0x14, 'not mapped');
      return Buffer.alloc(length, 7);
    },
    readPhysicalMemory: () => Promise.reject(new GdbRemoteError('read', 'm', 0x14, 'no such memory')),
  };
  t.strictSame(await readKernelMemory({ address: LOCK, length: 2 }, gdb), Buffer.from([7, 7]));
  t.strictSame(asked, [1, 2]);
  t.equal(await readKernelMemory({ address: LOCK, length: 2 }, { ...gdb, vcpus: [0, 1] }), undefined);
  t.strictSame(
    asked.slice(2),
    [1, 0],
    'without page-table isolation a vCPU in user mode has the kernel as well',
  );
});
