import t from 'tap';
import {
  finishReading,
  type FrameValues,
  functionFlows,
  pagedMemory,
  parseKallsyms,
  readFromRegions,
  type StackFrame,
} from '../symbols/index.js';
import { madeRegisters } from '../testing/builders/registers.js';
import type { StackedVcpu } from './stacked-vcpu.js';
import { waitOf } from './waits.js';

const TEXT = 0xffffffff81000000n;
const LOCK = 0xffffffff82000040n;
const AREA = 0xffff888000000000n;
const CURRENT = 0x100n;
const TASK = 0xffff888000003000n;

interface Made {
  /** Innermost first. */
  readonly functions: readonly string[];
  /** The first words of the lock. */
  readonly lock: readonly bigint[];
  /** Other functions that the kernel has. */
  readonly also?: string;
}

/** Two vCPUs; the first one stands in these functions, the other one runs {@link TASK}. */
function made({ functions, lock, also }: Made): readonly [StackedVcpu, StackedVcpu] {
  const names = [...functions, 'crash_nmi_callback', ...(also === undefined ? [] : [also])];
  const lines = names.map((name, index) => `${(TEXT + BigInt(index * 0x100)).toString(16)} T ${name}`);
  const percpu = `${CURRENT.toString(16).padStart(16, '0')} A current_task`;
  const parsed = parseKallsyms([percpu, ...lines, `${LOCK.toString(16)} d a_lock`, ''].join('\n'));
  if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
  const symbols = parsed.table;
  const pages = new Map<bigint, Buffer>();
  const write = (address: bigint, value: bigint) => {
    const page = address - (address % 4096n);
    const bytes = pages.get(page) ?? Buffer.alloc(4096);
    bytes.writeBigUInt64LE(value, Number(address % 4096n));
    pages.set(page, bytes);
  };
  lock.forEach((word, index) => write(LOCK + BigInt(index * 8), word));
  write(AREA + CURRENT, 0xffff888000009000n);
  write(AREA + 0x1000n + CURRENT, TASK);
  const read = readFromRegions([...pages].map(([address, bytes]) => ({ address, bytes })));
  const memory = pagedMemory();
  const flows = functionFlows(symbols, { memory, effectOf: () => 'none' });
  const stacked = (vcpu: number, stack: readonly string[]): StackedVcpu => {
    const frames = stack.map((name, index): StackFrame => {
      const address = (symbols.named(name)[0]?.address ?? 0n) + 4n;
      const symbolized = symbols.at(address);
      return {
        address,
        label: symbols.label(address),
        ...(symbolized && { symbolized }),
        source: 'orc',
        reliable: true,
        interrupted: index === 0,
      };
    });
    const values = frames.map((frame, index): FrameValues => {
      const argument = vcpu === 0 && index === 0 ? { number: LOCK, sure: true } : undefined;
      return { frame, argument, passed: undefined, registers: {}, held: [], maybeHeld: [] };
    });
    return {
      vcpu,
      state: 'running',
      registers: { ...madeRegisters({}), gs_base: AREA + BigInt(vcpu) * 0x1000n },
      trace: { frames, unwinder: 'orc', complete: true, ended: 'end-of-stack' },
      values,
      symbols,
      flows,
      memory,
      run: async (reading) => finishReading(reading, read),
    };
  };
  return [stacked(0, functions), stacked(1, ['crash_nmi_callback'])];
}

async function find(input: Made) {
  const all = made(input);
  return all[0].run(waitOf(all[0], all));
}

void t.test('a mutex is held by the vCPU whose task is its owner', async (t) => {
  const functions = ['mutex_spin_on_owner', '__mutex_lock', 'caller'];
  // A flag of the owner word is set.
  t.match(await find({ functions, lock: [TASK | 1n] }), {
    taken: true,
    wait: {
      lock: { name: 'a_lock' },
      function: '__mutex_lock',
      takenIn: 'caller',
      holder: { vcpu: 1, sitsIn: 'crash_nmi_callback', certain: true, proof: /current_task/ },
    },
  });
  t.match(await find({ functions, lock: [0xffff888000005000n] }), {
    taken: true,
    wait: { holder: undefined },
  });
});

void t.test('the owner of a semaphore is its second word', async (t) => {
  const functions = ['rwsem_spin_on_owner', 'rwsem_down_write_slowpath', 'caller'];
  t.match(await find({ functions, lock: [1n, TASK] }), { wait: { holder: { vcpu: 1 } } });
  t.match(await find({ functions, lock: [TASK, 0n] }), { wait: { holder: undefined } });
});

void t.test('a ticket lock is free when its halves are equal', async (t) => {
  const functions = ['_raw_spin_lock', 'caller'];
  t.match(await find({ functions, lock: [0x00050005n] }), { taken: false });
  t.match(await find({ functions, lock: [0x00060005n] }), { taken: true });
  t.match(await find({ functions, lock: [0x0707n] }), { taken: false }, 'fewer than 256 CPUs');
  t.match(await find({ functions, lock: [0x0807n] }), { taken: true });
  const also = 'queued_spin_lock_slowpath';
  t.match(await find({ functions, lock: [0x00050005n], also }), { taken: true }, 'no ticket lock');
  t.match(await find({ functions, lock: [0n], also }), { taken: false });
});

void t.test('no wait outside of a lock', async (t) => {
  t.equal(await find({ functions: ['caller', '_raw_spin_lock'], lock: [1n] }), undefined);
});
