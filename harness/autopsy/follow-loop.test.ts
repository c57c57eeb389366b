import t from 'tap';
import type { Registers } from '../machine/debugger.js';
import { madeRegisters } from '../testing/builders/registers.js';
import { followLoop, type SteppedVcpu } from './follow-loop.js';

const RIP = 0xffffffff81000000n;
const LOCK = 0xffffffff82a00000n;
const STACK = 0xffff888000009000n;
const HPET = 0xffffffffff5fc000n;

/** What a step of the made vCPU changes; memory is a map of bytes. */
type Step = (registers: Registers, memory: Map<bigint, number>) => Partial<Registers>;

/** Code at {@link RIP}: each instruction's bytes, and what it does. */
function machine(
  instructions: readonly (readonly [hex: string, does: Step])[],
  first: Partial<Registers> = {},
): SteppedVcpu & { readonly memory: Map<bigint, number> } {
  const memory = new Map<bigint, number>();
  const effects = new Map<bigint, Step>();
  let at = RIP;
  for (const [hex, does] of instructions) {
    effects.set(at, does);
    for (const byte of Buffer.from(hex, 'hex')) memory.set(at++, byte);
  }
  let registers = madeRegisters({ rip: RIP, rsp: STACK, rflags: 0x46n, ...first });
  return {
    memory,
    registers: async () => registers,
    read: async (address, length) =>
      Uint8Array.from({ length }, (_, index) => memory.get(address + BigInt(index)) ?? 0),
    physicalOf: async (address) => (address === HPET ? 0xfed000f0n : address & 0xfffffffn),
    isRam: (physical) => physical < 0x30000000n,
    async step() {
      const does = effects.get(registers.rip);
      if (does === undefined) throw new Error(`no instruction at ${registers.rip.toString(16)}`);
      // The debugger's steps may leave RF set.
      registers = { ...registers, ...does(registers, memory), rflags: registers.rflags ^ 0x10000n };
      return true;
    },
    async returnTo({ rip, rsp }) {
      registers = { ...registers, rip, rsp, rflags: registers.rflags | 0x200n };
      return true;
    },
  };
}

const to =
  (rip: bigint): Step =>
  () => ({ rip });
const next =
  (bytes: number, changes: Step = () => ({})): Step =>
  (registers, memory) => ({ ...changes(registers, memory), rip: registers.rip + BigInt(bytes) });

const limits = () => {
  let now = 0;
  return { steps: 4096, visits: 512, forMs: 100_000, nowMs: () => now++ };
};

void t.test('a jump to itself recurs, and reads nothing', async (t) => {
  t.match(await followLoop(machine([['ebfe', to(RIP)]]), limits()), {
    kind: 'recurs',
    steps: 1,
    reads: [],
    loop: { length: 1 },
  });
});

void t.test('pause and jump', async (t) => {
  t.match(
    await followLoop(
      machine([
        ['f390', next(2)],
        ['ebfc', to(RIP)],
      ]),
      limits(),
    ),
    { kind: 'recurs', steps: 2 },
  );
});

void t.test("QEMU's step over pause executes the next instruction as well", async (t) => {
  t.match(
    await followLoop(
      machine([
        ['f390', to(RIP)],
        ['ebfc', to(RIP)],
      ]),
      limits(),
    ),
    { kind: 'recurs', loop: { length: 2 } },
  );
  const pauses = (count: number) =>
    machine([
      ['f390', to(RIP)],
      ...Array.from({ length: count - 1 }, () => ['f390', next(2)] as const),
      [`e9${Buffer.from(new Int32Array([-2 * count - 5]).buffer).toString('hex')}`, to(RIP)],
    ]);
  t.match(await followLoop(pauses(600), limits()), { kind: 'recurs', loop: { length: 601 } }, 'unrolled');
  t.match(await followLoop(pauses(2000), limits()), { kind: 'unknown', why: /pauses/ });
  const storing = machine(
    [
      ['f390', next(4, ({ rdi }, memory) => (memory.set(rdi, (memory.get(rdi) ?? 0) + 1), {}))],
      ['ff07', next(2)],
      ['ebfa', to(RIP)],
    ],
    { rdi: LOCK },
  );
  t.match(await followLoop(storing, { ...limits(), steps: 99 }), { kind: 'works' }, 'its stores count');
});

void t.test('a wait for a lock recurs, and names what it reads', async (t) => {
  // mov (%rdi),%eax; test %al,%al; je out; pause; jmp
  const spin = machine(
    [
      ['8b07', next(2, () => ({ rax: 1n }))],
      ['84c0', next(2)],
      ['7404', next(2)],
      ['f390', next(2)],
      ['ebf6', to(RIP)],
    ],
    { rdi: LOCK },
  );
  const found = await followLoop(spin, limits());
  t.match(found, { kind: 'recurs', reads: [{ address: LOCK, length: 4, physical: LOCK & 0xfffffffn }] });
  t.match(found, { loop: { length: 5 }, steps: 6 }, 'the first instruction changed a register');
});

void t.test('a compare-and-exchange that fails writes what was there', async (t) => {
  const spin = machine(
    [
      ['f00fb10f', next(4)],
      ['75fa', to(RIP)],
    ],
    { rdi: LOCK },
  );
  t.match(await followLoop(spin, limits()), {
    kind: 'recurs',
    reads: [{ address: LOCK }],
    stores: { length: 0 },
  });
});

void t.test('a store that changes memory, and is undone in the same round, is kept', async (t) => {
  // movb $1,(%rdi); movb $0,(%rdi); jmp
  const toggling = machine(
    [
      ['c60701', next(3, ({ rdi }, memory) => (memory.set(rdi, 1), {}))],
      ['c60700', next(3, ({ rdi }, memory) => (memory.set(rdi, 0), {}))],
      ['ebf8', to(RIP)],
    ],
    { rdi: LOCK },
  );
  t.match(await followLoop(toggling, limits()), { kind: 'recurs', stores: [{ address: LOCK }, {}] });
});

void t.test('mwait only waits, and QEMU steps over it as over pause', async (t) => {
  // monitor; mwait; jmp
  const dead = machine([
    ['0f01c8', next(3)],
    ['0f01c9', to(RIP)],
    ['ebf8', to(RIP)],
  ]);
  t.match(await followLoop(dead, limits()), { kind: 'recurs', loop: { length: 3 }, reads: [] });
});

void t.test('a call pushes the same return address again', async (t) => {
  // call +2; jmp -7; ret
  const loop = machine([
    [
      'e802000000',
      ({ rsp }, memory) => {
        memory.set(rsp - 8n, 5);
        return { rip: RIP + 7n, rsp: rsp - 8n };
      },
    ],
    ['ebf9', to(RIP)],
    ['c3', ({ rsp }) => ({ rip: RIP + 5n, rsp: rsp + 8n })],
  ]);
  t.match(await followLoop(loop, limits()), {
    kind: 'recurs',
    reads: [],
    loop: { length: 3 },
  });
});

void t.test('near misses: loops that end', async (t) => {
  const delay = machine([
    ['0f31', next(2)],
    ['ebfc', to(RIP)],
  ]);
  t.match(await followLoop(delay, limits()), { kind: 'waits', why: /rdtsc/ }, 'a delay by the TSC');
  const counting = machine(
    [
      ['48ffc8', next(3, ({ rax }) => ({ rax: rax - 1n }))],
      ['75fb', to(RIP)],
    ],
    { rax: 1_000_000n },
  );
  t.match(await followLoop(counting, limits()), { kind: 'works', why: /counts/ }, 'delay_loop()');
  const inMemory = machine(
    [
      ['ff07', next(2, ({ rdi }, memory) => (memory.set(rdi, (memory.get(rdi) ?? 0) + 1), {}))],
      ['ebfc', to(RIP)],
    ],
    { rdi: LOCK },
  );
  t.match(
    await followLoop(inMemory, { ...limits(), steps: 200 }),
    { kind: 'works', why: /stores something new/ },
    'a counter in memory',
  );
  const polling = machine(
    [
      ['8b07', next(2)],
      ['ebfc', to(RIP)],
    ],
    { rdi: HPET },
  );
  t.match(
    await followLoop(polling, limits()),
    { kind: 'waits', why: /device, at physical 0xfed000f0/ },
    'HPET',
  );
  const printing = machine([
    ['ee', next(1)],
    ['ebfd', to(RIP)],
  ]);
  t.match(await followLoop(printing, limits()), { kind: 'works', why: /out/ }, 'a loop that prints');
  const opening = machine([
    ['fb', next(1)],
    ['ebfd', to(RIP)],
  ]);
  t.match(await followLoop(opening, limits()), { kind: 'works', why: /interrupts on/ }, 'sti');
});

void t.test('a try behind a long delay recurs, once it is followed for long enough', async (t) => {
  // dec %rax; jnz to it; mov $600,%eax; jmp to the first
  const trying = () =>
    machine(
      [
        ['48ffc8', next(3, ({ rax }) => ({ rax: rax - 1n }))],
        ['75fb', ({ rax }) => ({ rip: rax === 0n ? RIP + 5n : RIP })],
        ['b858020000', next(5, () => ({ rax: 600n }))],
        ['ebf4', to(RIP)],
      ],
      { rax: 300n },
    );
  t.match(await followLoop(trying(), limits()), { kind: 'works', why: /counts/ });
  t.match(await followLoop(trying(), { ...limits(), visits: 2048 }), {
    kind: 'recurs',
    loop: { length: 1202 },
  });
});

void t.test('handlers of exceptions, and computing with vector registers, are work', async (t) => {
  const trapping = machine([['8b07', to(RIP + 0x1000n)]], { rdi: LOCK });
  t.match(await followLoop(trapping, limits()), { kind: 'works', why: /exception/ });
  const unmapped = { ...machine([['8b07', next(2)]], { rdi: LOCK }), physicalOf: async () => undefined };
  t.match(await followLoop(unmapped, limits()), { kind: 'works', why: /not mapped, at mov/ });
  const vectors = machine([['660fefc0', next(4)]]);
  t.match(await followLoop(vectors, limits()), { kind: 'works', why: /pxor/ });
});

void t.test('what cannot be followed is not judged', async (t) => {
  const across = machine([['8b07', next(2)]], { rdi: LOCK - 2n });
  t.match(await followLoop(across, limits()), { kind: 'unknown' });
  const entering = machine([['0f01c1', next(3)]]);
  t.match(await followLoop(entering, limits()), { kind: 'unknown', why: /vmcall/ });
  const long = machine([['ebfe', ({ rax }) => ({ rip: RIP, rax: rax + 1n })]]);
  t.match(await followLoop(long, { ...limits(), steps: 9 }), { kind: 'works', why: /within 9 instructions/ });
  t.match(await followLoop({ ...machine([['ebfe', to(RIP)]]), step: async () => false }, limits()), {
    kind: 'unknown',
    why: /step/,
  });
});

/** A machine of which some steps end where they began, by their number. */
function repeating(steps: readonly number[], made: SteppedVcpu): SteppedVcpu {
  let step = 0;
  return { ...made, step: async () => steps.includes(step++) || made.step() };
}

void t.test('a step that did not move is no round of a loop', async (t) => {
  const counting = () =>
    machine(
      [
        ['48ffc8', next(3, ({ rax }) => ({ rax: rax - 1n }))],
        ['75fb', to(RIP)],
      ],
      { rax: 1_000_000n },
    );
  t.match(await followLoop(repeating([0, 5, 6, 11], counting()), limits()), { kind: 'works', why: /counts/ });
  // jmp *%rax, to nop and jmp back: where an indirect jump goes is seen only when it moves.
  const indirect = () =>
    machine(
      [
        ['ffe0', ({ rax }) => ({ rip: rax })],
        ['90', next(1)],
        ['ebfb', to(RIP)],
      ],
      { rax: RIP + 2n },
    );
  t.match(await followLoop(repeating([0, 4], indirect()), limits()), { kind: 'recurs', loop: { length: 3 } });
  t.match(await followLoop(repeating([0, 1, 2, 3], indirect()), limits()), {
    kind: 'unknown',
    why: 'a step of it did not move',
  });
  // pause; jne -4; hlt: whether the branch is taken cannot be told from a step that did not move.
  const leaving = machine([
    ['f390', next(2)],
    ['75fc', next(2)],
    ['f4', next(1)],
  ]);
  t.notMatch(await followLoop(repeating([0], leaving), limits()), { kind: 'recurs' });
});

void t.test('a loop is not lost to an interrupt that came in', async (t) => {
  const HANDLER = RIP + 0x1000n;
  /** The interrupt comes at the second step; its frame says where it came. */
  const interrupted = (saved: { readonly rip: bigint; readonly cs: bigint }): SteppedVcpu => {
    const made = machine(
      [
        ['90', next(1)],
        ['ebfd', to(RIP)],
      ],
      { rflags: 0x246n, cs: 0x10n },
    );
    let step = 0;
    let inHandler = false;
    return {
      ...made,
      registers: async () => {
        const registers = await made.registers();
        return inHandler ? { ...registers, rip: HANDLER, rsp: STACK - 40n, rflags: 0x46n } : registers;
      },
      async step() {
        inHandler = step++ === 1;
        if (!inHandler) return made.step();
        for (const [index, value] of [saved.rip, saved.cs, 0x246n, STACK, 0x18n].entries())
          for (let byte = 0n; byte < 8n; byte += 1n)
            made.memory.set(STACK - 40n + BigInt(8 * index) + byte, Number((value >> (8n * byte)) & 0xffn));
        return true;
      },
      async returnTo(where) {
        inHandler = false;
        return made.returnTo(where);
      },
    };
  };
  t.match(await followLoop(interrupted({ rip: RIP, cs: 0x10n }), limits()), {
    kind: 'recurs',
    interrupts: 1,
    loop: { length: 2 },
  });
  t.match(await followLoop(interrupted({ rip: 0xffffffff81234567n, cs: 0x10n }), limits()), {
    kind: 'works',
    why: /exception/,
  });
  const stuck = { ...interrupted({ rip: RIP, cs: 0x10n }), returnTo: async () => false };
  t.match(await followLoop(stuck, limits()), { kind: 'unknown', why: /did not return/ });
});
