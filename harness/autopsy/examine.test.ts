import t from 'tap';
import { GdbClosedError } from '../qemu/gdbstub/index.js';
import { armedReport, IDLE, type MadeVcpu, PARKED, registers } from '../testing/builders/runs.js';
import { in64Bit, stillDebugger } from '../testing/fakes/still-debugger.js';
import { LAPIC_PC, PIC_PC } from '../testing/recordings/monitor-text.js';
import { parseKallsyms } from '../symbols/index.js';
import { parseArmed } from '../timeline/armed.js';
import { examine, type SuspectMachine } from './examine.js';
import { haltsAgain } from './halts-again.js';

const RIP = 0xffffffff81234000n;
const text = (vcpus: readonly MadeVcpu[]) => in64Bit(registers(vcpus));
const EXPIRED = LAPIC_PC.replace('current_count = 81044012', 'current_count = 0');

interface Made {
  readonly pic?: string;
  readonly vcpus: readonly MadeVcpu[];
  /** Bytes at the running vCPU's RIP. */
  readonly code?: string;
  readonly lapic?: string;
  /** What the registers show after the guest ran once more. */
  readonly later?: readonly MadeVcpu[];
  readonly printsLater?: boolean;
  readonly panicked?: boolean;
  readonly held?: readonly number[];
}

/** A machine that is examined. */
function machine({
  vcpus,
  code,
  lapic = EXPIRED,
  pic = PIC_PC,
  later,
  printsLater,
  panicked = true,
  held = [],
}: Made) {
  const { gdb, did } = stillDebugger(vcpus, code);
  const ran = () => did.includes('continue');
  let now = 0;
  const suspect: SuspectMachine = {
    gdb,
    monitor: {
      registers: async () => text(ran() && later !== undefined ? later : vcpus),
      irqchips: async () => pic,
      interruptCounts: async () => 'IRQ statistics for isa-i8259:\n 4: 7\n',
      lapic: async () => lapic,
    },
    armed: parseArmed(armedReport()),
    panicked,
    memory: { memoryMiB: 768, type: 'pc' },
    hasBusMaster: false,
    held: new Set(held),
    accel: 'tcg',
    symbols: {},
    roundTripMs: 0,
    examinedBefore: 0,
    nowMs: () => now++,
    sleep: async () => {
      did.push('sleep');
    },
    printed: () => (printsLater === true && ran() ? 1 : 0),
  };
  return { suspect, did };
}

void t.test('a spin is stepped, and proved', async (t) => {
  const { suspect, did } = machine({ vcpus: [{ rip: RIP }, PARKED] });
  t.match(await examine(suspect), {
    finding: 'hung',
    shape: 'spin',
    vcpus: [
      { state: 'running', place: 'first-kernel', saw: [/1 instructions/, /jmp/, /no time/, /no memory/] },
      { state: 'parked' },
    ],
  });
  t.strictSame(did, ['interrupt', 'step 0'], 'and the machine was left stopped');
});

void t.test('the distance of a host does not prevent the proof', async (t) => {
  const far = (roundTripMs: number) => {
    const { suspect } = machine({ vcpus: [{ rip: RIP }, PARKED] });
    let now = 0;
    const onItsWay =
      <Args extends unknown[], T>(ask: (...args: Args) => Promise<T>) =>
      (...args: Args): Promise<T> => {
        now += 1_100;
        return ask(...args);
      };
    const { gdb } = suspect;
    return examine({
      ...suspect,
      roundTripMs,
      nowMs: () => now,
      gdb: {
        ...gdb,
        readRegisters: onItsWay((vcpu: number) => gdb.readRegisters(vcpu)),
        readMemory: onItsWay((address: bigint, length: number) => gdb.readMemory(address, length)),
        step: onItsWay((vcpu: number) => gdb.step(vcpu)),
      },
    });
  };
  t.match(await far(0), { finding: 'working', why: /did not recur/ }, 'a debugger that is that slow, here');
  t.match(await far(1_100), { finding: 'hung', shape: 'spin' });
});

void t.test('a delay is not', async (t) => {
  t.match(await examine(machine({ vcpus: [{ rip: RIP }, PARKED], code: '0f31ebfc' }).suspect), {
    finding: 'waiting',
    why: 'vCPU 0: it reads the time (rdtsc)',
  });
});

void t.test('a vCPU in user mode works', async (t) => {
  t.match(await examine(machine({ vcpus: [{ rip: 0x401000n, cpl: 3, interrupts: true }, PARKED] }).suspect), {
    finding: 'working',
  });
});

void t.test('a spin beside an idle vCPU, in the crash path and elsewhere', async (t) => {
  const vcpus = [{ rip: RIP }, IDLE];
  const inside = (name: string) => {
    const { suspect } = machine({ vcpus, lapic: LAPIC_PC });
    const parsed = parseKallsyms(`${RIP.toString(16)} T ${name}\n${(RIP + 64n).toString(16)} T next\n`);
    if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
    return examine({ ...suspect, symbols: { production: parsed.table } });
  };
  t.match(await inside('panic'), { finding: 'hung', shape: 'spin' });
  t.match(await inside('panic_smp_self_stop'), { finding: 'waiting' }, 'another CPU panics');
  t.match(await inside('stuck_driver'), { finding: 'waiting' });
  t.match(await examine(machine({ vcpus, lapic: LAPIC_PC }).suspect), { finding: 'waiting' }, 'no symbols');
});

void t.test("a spin in the capture kernel's boot beside its idle second vCPU", async (t) => {
  const cr3 = 0x1c000000n;
  const vcpus = [
    { rip: RIP, cr3 },
    { ...IDLE, cr3 },
  ];
  const inside = (name: string) => {
    const { suspect } = machine({ vcpus, lapic: LAPIC_PC });
    const parsed = parseKallsyms(`${RIP.toString(16)} T ${name}\n${(RIP + 64n).toString(16)} T next\n`);
    if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
    return examine({ ...suspect, symbols: { capture: parsed.table } });
  };
  t.match(await inside('kernel_init'), { finding: 'hung', shape: 'spin', why: /the capture kernel's boot/ });
  t.match(await inside('start_kernel'), { finding: 'hung', shape: 'spin' });
  t.match(await inside('worker_thread'), { finding: 'waiting' }, 'the boot thread may go on');
  t.match(await inside('cpu_startup_entry'), { finding: 'waiting' }, 'the idle task, below start_kernel()');
});

void t.test("a watchdog's NMI may come to a capture kernel that spins", async (t) => {
  const lapic = EXPIRED.replace(/LVTPC\t 0x[0-9a-f]{8}/, 'LVTPC\t 0x00000400');
  const capture = { rip: RIP, cr3: 0x1c000000n };
  t.match(await examine(machine({ vcpus: [capture, PARKED] }).suspect), { finding: 'hung' });
  t.match(await examine(machine({ vcpus: [capture, PARKED], lapic }).suspect), { finding: 'unknown' });
  t.match(
    await examine(machine({ vcpus: [{ rip: RIP }, PARKED], lapic }).suspect),
    { finding: 'hung' },
    'on the crash path its handler does nothing that goes on',
  );
});

void t.test('an NMI that the machine is programmed to send ends a halt', async (t) => {
  const vcpus = [PARKED, PARKED];
  t.match(await examine(machine({ vcpus }).suspect), { finding: 'hung', shape: 'all-vcpus-halted' });
  const byPit = PIC_PC.replace(/pin 2 +0x[\da-f]{16}/, 'pin 2  0x0000000000000400');
  t.not(byPit, PIC_PC);
  t.match(await examine(machine({ vcpus, pic: byPit }).suspect), { finding: 'waiting', why: /pin 2/ });
  const off = EXPIRED.replace('APIC enabled', 'APIC disabled');
  t.match(
    await examine(machine({ vcpus, pic: byPit, lapic: off }).suspect),
    { finding: 'waiting' },
    'a local APIC that is disabled accepts NMIs from the IO-APIC',
  );
  const by8259 = EXPIRED.replace('0x00010700', '0x00000400');
  t.match(await examine(machine({ vcpus, lapic: by8259 }).suspect), { finding: 'waiting', why: /LINT0/ });
  const masked = off.replace('0x00010700', '0x00000400');
  t.match(
    await examine(machine({ vcpus, lapic: masked }).suspect),
    { finding: 'hung' },
    'its own lines are off',
  );
});

void t.test('a vCPU that a choreography holds is neither stepped nor let go', async (t) => {
  const { suspect, did } = machine({ vcpus: [{ rip: RIP }, { rip: RIP }], held: [1] });
  t.match(await examine(suspect), {
    finding: 'hung',
    why: /vCPU 1 is held by the choreography/,
    vcpus: [{ state: 'running' }, { state: 'held' }],
  });
  t.notOk(did.includes('step 1'));
  const waits = machine({ vcpus: [{ rip: RIP }, { rip: RIP }], held: [1], code: '0f31ebfc' });
  t.match(
    await examine(waits.suspect),
    { finding: 'waiting', why: /rdtsc/ },
    'a crash path that gives it up',
  );
  const sleeps = machine({ vcpus: [IDLE, { rip: RIP }], held: [1] });
  t.match(await examine(sleeps.suspect), { finding: 'hung', shape: 'idle-forever' });
  t.ok(sleeps.did.includes('continue 0'), 'while a sleeper is watched');
});

void t.test('a halt that an NMI would not end', async (t) => {
  // RIP is behind hlt: jmp to a hlt; test and a conditional jump; sti
  const at = (code: string) => haltsAgain(0, stillDebugger([{ rip: RIP }], code).gdb);
  t.equal(await at('f4'), true);
  t.equal(await at('90fa0f1f4000f4'.slice(0, 4)), false, 'only nops');
  t.equal(await at('84c075fbf4'), false, 'a condition');
  t.equal(await at('fbf4'), false, 'interrupts are on then');
  t.equal(await at('ebfe'), false, 'no halt');
});

void t.test('a sleep is watched for a while when nothing is armed', async (t) => {
  const asleep = machine({ vcpus: [IDLE, PARKED] });
  t.match(await examine(asleep.suspect), { finding: 'hung', shape: 'idle-forever' });
  t.strictSame(asleep.did, ['interrupt', 'continue', 'sleep', 'interrupt']);
  const armed = machine({ vcpus: [IDLE, PARKED], lapic: LAPIC_PC });
  t.match(await examine(armed.suspect), { finding: 'waiting', why: /armed/ });
  t.strictSame(armed.did, ['interrupt'], 'an armed timer is seen at once');
  t.match(await examine(machine({ vcpus: [IDLE], later: [{ ...IDLE, rip: 1n }] }).suspect), {
    finding: 'working',
    why: /went on/,
  });
  t.match(await examine(machine({ vcpus: [IDLE], printsLater: true }).suspect), {
    finding: 'working',
    why: /printed/,
  });
});

void t.test('a debugger that is gone leaves nothing; any other error is one of crashpath', async (t) => {
  const { suspect } = machine({ vcpus: [IDLE] });
  const failing = (error: Error): SuspectMachine => ({
    ...suspect,
    gdb: { ...suspect.gdb, interrupt: () => Promise.reject(error) },
  });
  t.equal(await examine(failing(new GdbClosedError('interrupt', 'gone'))), undefined);
  await t.rejects(examine(failing(new Error('a mistake'))), /a mistake/);
});
