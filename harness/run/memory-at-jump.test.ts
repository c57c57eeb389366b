import t from 'tap';
import { SteppedClock } from '../machine/recorded/clock.js';
import { MachineFailure, type Memory } from '../machine/machine.js';
import { PageDigests } from '../timeline/page-digests.js';
import {
  armedReport,
  b64,
  CRASH_CR3,
  frame,
  madePlan,
  type MadeVcpu,
  PARKED,
  registers,
} from '../testing/builders/runs.js';
import { memoryRecorder } from '../testing/fakes/recorder.js';
import { stillDebugger } from '../testing/fakes/still-debugger.js';
import { stillMachine } from '../testing/fakes/still-machine.js';
import { Guest } from './guest.js';
import { type MemoryAtJump, sumMemoryAtJump } from './memory-at-jump.js';
import { RunWatch } from './run-watch.js';

const FIRST_KERNEL: MadeVcpu = { rip: 0xffffffff81234000n };
const BEYOND: MadeVcpu = { rip: 0x1b001000n, cr3: CRASH_CR3 };
const MEMORY: Memory = { read: async (_, bytes) => Buffer.alloc(bytes, 'data') };

/** A guest with 768 MiB that fires and is sampled at `seen`; what was recorded, summed and done. */
async function jumped(
  seen: MadeVcpu,
  { patterns = 'patterns=1024\n', memory = MEMORY }: { patterns?: string; memory?: Memory } = {},
) {
  const clock = new SteppedClock();
  const watch = new RunWatch(memoryRecorder(clock), { limits: madePlan().limits, clock });
  const vcpus = [seen, PARKED] as const;
  const { gdb, did } = stillDebugger(vcpus);
  const machine = stillMachine(vcpus, { connect: () => Promise.resolve(gdb), memory });
  const into: MemoryAtJump = { sums: undefined };
  const work = sumMemoryAtJump(new Guest(machine, watch), { memoryMiB: 768, into });
  watch.bytes('control', Buffer.from(frame({ ev: 'armed', id: 1, out: b64(armedReport() + patterns) })));
  watch.bytes('control', Buffer.from(frame({ ev: 'firing', id: 3, ram: '1000-9fbff,100000-2fffffff,' })));
  watch.sample(registers(vcpus));
  await new Promise((resolve) => setTimeout(resolve, 50));
  watch.end('made');
  await work;
  const facts = watch.events.flatMap((event) =>
    event.type === 'host' && ['memory-at-jump', 'harness-fault'].includes(event.fact.fact)
      ? [event.fact]
      : [],
  );
  return { facts, sums: into.sums, did };
}

void t.test(
  'the memory is summed with the machine stopped, once a vCPU is beyond the crashed kernel',
  async (t) => {
    const { facts, sums, did } = await jumped(BEYOND);
    t.match(facts, [{ fact: 'memory-at-jump', place: 'jump' }]);
    t.strictSame([...new Set(did)], ['interrupt', 'continue']);
    t.ok(sums !== undefined && sums.pages > 100_000);
    t.strictSame(sums?.changed(2 ** 20, new PageDigests(1)), [2 ** 20]);
  },
);

void t.test('a guest that is not on its way, or is not to read its memory, is not stopped', async (t) => {
  t.match(await jumped(FIRST_KERNEL), { facts: [], sums: undefined, did: [] });
  t.match(await jumped(BEYOND, { patterns: '' }), { facts: [], sums: undefined, did: [] });
});

void t.test('memory that cannot be read leaves the guest running, and nothing known', async (t) => {
  const fail = (gone: boolean): Memory => ({
    read: () => Promise.reject(new MachineFailure('QEMU did not answer', { gone })),
  });
  for (const gone of [false, true]) {
    t.match(await jumped(BEYOND, { memory: fail(gone) }), { facts: [], sums: undefined });
  }
  t.equal((await jumped(BEYOND, { memory: fail(false) })).did.at(-1), 'continue');
});
