import t from 'tap';
import { type ExaminedVcpu, judge, type LoopFinding, type PlacedAccess } from './judge.js';

const placed = (address: bigint): PlacedAccess => ({ address, length: 4, physical: address & 0xfffffffn });
const LOCK = placed(0xffffffff82a00000n);
const OTHER = placed(0xffffffff82b00000n);

const recurs = (reads: PlacedAccess[] = [], stores: PlacedAccess[] = []): LoopFinding => ({
  kind: 'recurs',
  steps: 5,
  loop: [{ address: 1n, text: 'pause', reads: [], stores: [] }],
  reads,
  stores,
  stack: 0n,
});
const waits: LoopFinding = { kind: 'waits', why: 'it reads the time (rdtsc)', steps: 3 };

const make = (vcpu: number, changes: Partial<ExaminedVcpu>): ExaminedVcpu => ({
  vcpu,
  state: 'parked',
  interruptsOn: false,
  place: 'first-kernel',
  crashing: false,
  ...changes,
});
const parked = make(1, {});
const off = make(1, { state: 'off', place: 'firmware' });
const asleep = make(1, { state: 'asleep', interruptsOn: true });
const spinner = (loop: LoopFinding, changes: Partial<ExaminedVcpu> = {}) =>
  make(0, { state: 'running', loop, crashing: true, ...changes });

const found = (vcpus: readonly ExaminedVcpu[], changes: { device?: boolean; cannot?: string } = {}) =>
  judge({
    vcpus,
    deviceMayWrite: () => changes.device ?? false,
    cannotChange: (_, __, { state }) => (state === 'asleep' ? changes.cannot : undefined),
  });

void t.test('a loop that recurs beside vCPUs that cannot run', async (t) => {
  for (const other of [parked, off]) {
    t.match(found([spinner(recurs([LOCK])), other]), {
      finding: 'hung',
      shape: 'spin',
      why: /vCPU 1 cannot run/,
    });
  }
  t.match(found([spinner(recurs([LOCK]), { crashing: false })]), { finding: 'hung' }, 'nothing else can run');
});

void t.test('a loop that waits is no hang, whoever else is dead', async (t) => {
  t.strictSame(found([spinner(waits), parked]), {
    finding: 'waiting',
    why: 'vCPU 0: it reads the time (rdtsc)',
  });
  t.match(found([spinner({ kind: 'works', why: 'it counts', steps: 1 }), parked]), { finding: 'working' });
  t.match(found([spinner({ kind: 'unknown', why: 'x', steps: 1 }), parked]), { finding: 'unknown' });
  t.match(found([make(0, { state: 'running' })]), { finding: 'unknown' }, 'it was not followed');
});

void t.test('memory that another vCPU may change', async (t) => {
  t.match(found([spinner(recurs([LOCK])), parked], { device: true }), { finding: 'unknown', why: /device/ });
  t.match(found([spinner(recurs([LOCK]), { nmi: 'an NMI may come' }), parked]), { finding: 'unknown' });
  t.strictSame(
    found([spinner(recurs([LOCK])), asleep]),
    { finding: 'ask-wake', vcpus: [1] },
    'a vCPU that may wake could release it',
  );
  t.match(found([spinner(recurs([LOCK])), { ...asleep, wake: { kind: 'armed', why: 'a timer' } }]), {
    finding: 'waiting',
  });
  t.match(found([spinner(recurs([LOCK])), { ...asleep, wake: { kind: 'none', saw: [] } }]), {
    finding: 'hung',
    shape: 'spin',
  });
});

void t.test("the capture kernel's boot hangs although another of its vCPUs is alive", async (t) => {
  const idle = { ...asleep, place: 'capture-kernel' } as const;
  const boots = { place: 'capture-kernel', crashing: false, booting: true } as const;
  t.match(found([spinner(recurs(), boots), idle]), {
    finding: 'hung',
    shape: 'spin',
    why: /vCPU 1 can still run, but does not carry the capture kernel's boot/,
  });
  t.match(found([spinner(recurs([LOCK]), boots), idle], { cannot: 'vCPU 1 is idle' }), { finding: 'hung' });
  t.match(found([spinner(recurs([LOCK]), boots), idle]), { finding: 'ask-wake' }, 'the other may change it');
  t.match(
    found([spinner(recurs(), { ...boots, booting: false }), idle]),
    { finding: 'ask-wake' },
    'who boots?',
  );
  const boot = make(1, { ...boots, state: 'asleep', interruptsOn: true });
  t.match(
    found([spinner(recurs(), { ...boots, booting: false }), boot]),
    { finding: 'ask-wake' },
    'the boot thread can go on',
  );
});

void t.test('the crash path hangs although another vCPU is alive', async (t) => {
  t.match(found([spinner(recurs()), asleep]), {
    finding: 'hung',
    shape: 'spin',
    why: /does not carry the crash path/,
  });
  t.match(
    found([spinner(recurs(), { crashing: false }), asleep]),
    { finding: 'ask-wake' },
    'a lockup before any panic may be found by the other one',
  );
  const entered = spinner(recurs(), { place: 'capture-start' });
  t.match(found([{ ...entered, crashing: false }, asleep]), { finding: 'hung' }, 'beyond the first kernel');
  const bystander = spinner(recurs());
  const carrier = make(1, { state: 'asleep', interruptsOn: true, place: 'capture-kernel' });
  t.match(
    found([bystander, carrier]),
    { finding: 'ask-wake' },
    'the capture kernel is not the one that spins',
  );
  t.match(found([spinner(recurs()), make(1, { state: 'running', interruptsOn: true })]), { finding: 'hung' });
});

void t.test('a crash path that waits for what a living vCPU may change', async (t) => {
  const runs = make(1, {
    state: 'running',
    loop: { kind: 'works', why: 'it switches interrupts on (sti)', steps: 9 },
  });
  const why =
    /^vCPU 0 repeats .* and vCPU 1, which can run, may change what it reads, at 0xffffffff82a00000$/;
  t.match(found([spinner(recurs([LOCK])), runs]), { finding: 'waiting', why });
  const armed = { ...asleep, wake: { kind: 'armed', why: 'a timer' } } as const;
  t.match(found([spinner(recurs([LOCK])), armed]), { finding: 'waiting', why });
  t.match(found([spinner(recurs([LOCK]), { crashing: false }), runs]), { finding: 'working', why: /sti/ });
  t.match(found([spinner(waits), runs]), { finding: 'waiting', why: /rdtsc/ }, 'it is not dead itself');
});

void t.test('a CPU that spins beside the crash path hangs itself only', async (t) => {
  const bystander = make(1, { state: 'running', loop: recurs() });
  const carrier = { state: 'running', interruptsOn: true, crashing: true } as const;
  t.match(
    found([make(0, { ...carrier, loop: waits }), bystander]),
    { finding: 'waiting' },
    'a notifier with interrupts on',
  );
  t.match(
    found([make(0, { ...carrier, state: 'asleep' }), bystander]),
    { finding: 'ask-wake' },
    'a notifier that sleeps',
  );
});

void t.test('an NMI of its own may come to a loop with interrupts on as well', async (t) => {
  const wake = { kind: 'none', saw: [] } as const;
  const open = spinner(recurs(), { interruptsOn: true, place: 'capture-kernel', wake });
  t.match(found([open, parked]), { finding: 'hung' });
  t.match(found([{ ...open, nmi: 'a watchdog' }, parked]), { finding: 'unknown', why: /a watchdog/ });
});

void t.test('several spinners are judged together', async (t) => {
  const second = (loop: LoopFinding) => make(1, { state: 'running', loop });
  t.match(found([spinner(recurs([LOCK])), second(recurs([LOCK]))]), { finding: 'hung', shape: 'spin' });
  t.match(found([spinner(recurs([LOCK])), second(recurs([OTHER], [LOCK]))]), {
    finding: 'working',
    why: /reads what vCPU 1 stores/,
  });
  t.match(found([spinner(recurs([LOCK])), second(waits)]), { finding: 'waiting' });
});

void t.test('a sleep', async (t) => {
  const sleeper = make(0, { state: 'asleep', interruptsOn: true, place: 'capture-kernel' });
  t.strictSame(found([sleeper, parked]), { finding: 'ask-wake', vcpus: [0] });
  t.match(found([{ ...sleeper, wake: { kind: 'none', saw: [] } }, parked]), {
    finding: 'hung',
    shape: 'idle-forever',
  });
  t.match(found([{ ...sleeper, wake: { kind: 'armed', why: 'its timer' } }, parked]), { finding: 'waiting' });
  t.match(found([{ ...sleeper, wake: { kind: 'unknown', why: 'TSC deadline' } }, parked]), {
    finding: 'unknown',
  });
});

void t.test('the shape is that of the vCPU that carries the crash path', async (t) => {
  const capture = make(1, {
    state: 'asleep',
    interruptsOn: true,
    place: 'capture-kernel',
    wake: { kind: 'none', saw: [] },
  });
  t.match(found([spinner(recurs()), capture]), { finding: 'hung', shape: 'idle-forever' });
});

void t.test('a loop with interrupts on is dead only when none can come', async (t) => {
  const open = spinner(recurs([LOCK]), { interruptsOn: true, place: 'capture-kernel' });
  t.strictSame(found([open, parked]), { finding: 'ask-wake', vcpus: [0] });
  t.match(found([{ ...open, wake: { kind: 'none', saw: [] } }, parked]), {
    finding: 'hung',
    why: /no interrupt can come/,
  });
  t.match(found([{ ...open, wake: { kind: 'armed', why: 'its timer' } }, parked]), { finding: 'waiting' });
  t.match(found([spinner(waits, { interruptsOn: true }), parked]), { finding: 'waiting' });
});

void t.test('every vCPU halted with interrupts off', async (t) => {
  t.match(found([make(0, {}), off]), { finding: 'hung', shape: 'all-vcpus-halted' });
});

void t.test('a lock that nobody who runs can release', async (t) => {
  const owner = make(2, { state: 'running', loop: recurs() });
  const waiter = spinner(recurs([LOCK]));
  t.match(found([waiter, asleep, owner], { cannot: 'vCPU 1 is idle, and holds no spin lock' }), {
    finding: 'hung',
    shape: 'spin',
    why: /no vCPU that can still run changes what it reads: vCPU 1 is idle, .*; vCPU 1 can still run/,
  });
  t.match(
    found([waiter, asleep, make(2, { state: 'running', loop: waits })], { cannot: 'x' }),
    { finding: 'waiting' },
    'its owner may be in a delay',
  );
  t.match(
    found([waiter, asleep, make(2, { state: 'running', loop: recurs([], [LOCK]) })], { cannot: 'x' }),
    { finding: 'ask-wake' },
    'another loop stores what it reads',
  );
  const told = make(2, { state: 'running', loop: recurs([OTHER]) });
  t.match(
    judge({
      vcpus: [waiter, asleep, told],
      deviceMayWrite: () => false,
      cannotChange: ({ address }, _, { state }) =>
        address === LOCK.address && state === 'asleep' ? 'idle' : undefined,
    }),
    { finding: 'ask-wake' },
    'its owner waits for something that a vCPU which runs may change',
  );
});

void t.test('who carries the crash path is dead, whatever another one waits for', async (t) => {
  const delayed = make(1, { state: 'running', loop: waits });
  t.match(found([spinner(recurs()), delayed]), { finding: 'hung', why: /vCPU 1 can still run/ });
  t.match(found([spinner(recurs(), { crashing: false }), delayed]), { finding: 'waiting' });
});

void t.test('a halt with interrupts off, and NMIs', async (t) => {
  t.match(found([make(0, { nmi: 'pin 2 may send one' }), parked]), {
    finding: 'waiting',
    why: 'vCPU 0 is halted with interrupts off, and pin 2 may send one',
  });
  t.match(found([make(0, {}), parked]), { finding: 'hung', shape: 'all-vcpus-halted' });
  const halted = make(0, { crashing: true, haltsAgain: true });
  t.match(found([halted, asleep]), {
    finding: 'hung',
    shape: 'idle-forever',
    why: /halts again after an NMI/,
  });
  t.match(
    found([{ ...halted, haltsAgain: false }, asleep]),
    { finding: 'ask-wake' },
    'an NMI from the other one may let it go on',
  );
});
void t.test(
  'a loop that interrupts come into waits, whatever is seen of the interrupt controllers',
  async (t) => {
    const quietly = recurs();
    if (quietly.kind !== 'recurs') throw new Error(quietly.kind);
    const came: LoopFinding = { ...quietly, interrupts: 1 };
    const on = { interruptsOn: true, loop: came } as const;
    t.match(found([spinner(came, on), parked]), { finding: 'waiting', why: /vCPU 0 .*takes interrupts/ });
    const quiet = { kind: 'none', saw: [] } as const;
    t.match(found([spinner(came, { ...on, wake: quiet }), parked]), { finding: 'waiting' });
    t.match(found([spinner(recurs(), { interruptsOn: true }), parked]), { finding: 'ask-wake' });
  },
);

void t.test(
  'a crash path that is parked in the wait for a paravirtual lock may be kicked by a vCPU that lives',
  async (t) => {
    const carrier = make(0, { crashing: true, haltsAgain: true });
    const loop = make(2, { state: 'running', loop: recurs() });
    t.match(found([carrier, asleep, loop]), { finding: 'hung', shape: 'idle-forever' });
    t.notMatch(found([{ ...carrier, waitsForLock: true }, asleep, loop]), { finding: 'hung' });
    t.match(
      found([{ ...carrier, waitsForLock: true }, parked, loop]),
      { finding: 'hung' },
      'nobody is left to kick it',
    );
  },
);
