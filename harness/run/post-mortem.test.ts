import t from 'tap';
import { SteppedClock } from '../machine/recorded/clock.js';
import { madePlan, PARKED, registers } from '../testing/builders/runs.js';
import { memoryRecorder } from '../testing/fakes/recorder.js';
import { stillDebugger } from '../testing/fakes/still-debugger.js';
import { stillMachine } from '../testing/fakes/still-machine.js';
import { Guest } from './guest.js';
import { postMortem } from './post-mortem.js';
import { RunWatch } from './run-watch.js';

/** The facts that a fired run leaves whose vCPU 0 spins. */
async function factsAfter(control: string): Promise<ReturnType<typeof facts>> {
  const clock = new SteppedClock();
  const watch = new RunWatch(memoryRecorder(clock), { limits: madePlan().limits, clock });
  const vcpus = [{ rip: 0xffffffff81234000n }, PARKED] as const;
  const { gdb } = stillDebugger(vcpus, 'ebfe');
  watch.bytes('control', Buffer.from(control));
  watch.sample(registers(vcpus));
  const guest = new Guest(stillMachine(vcpus, { connect: () => Promise.resolve(gdb) }), watch);
  await postMortem(guest, {
    known: { prepare: async () => undefined, of: async () => undefined, sameImage: true },
    session: undefined,
    accel: 'tcg',
    takesFiveLevels: false,
    mayBeSilent: false,
  });
  return facts(watch);
}

function facts(watch: RunWatch) {
  return watch.events.flatMap((event) => (event.type === 'host' ? [event.fact] : []));
}

void t.test('a run that did not capture leaves an autopsy, also without symbols', async (t) => {
  const left = await factsAfter('CP1 {"ev":"firing","id":3}\n');
  t.strictSame(
    left.map(({ fact }) => fact),
    ['last-place', 'last-place', 'autopsy'],
    'and its stacks nowhere else',
  );
  const autopsy = left.flatMap((fact) => (fact.fact === 'autopsy' ? [fact.autopsy] : []))[0];
  t.match(autopsy, {
    vcpus: [
      { vcpu: 0, state: 'running', place: 'first-kernel' },
      { vcpu: 1, state: 'parked' },
    ],
    findings: [],
    unknown: ['the stacks of vCPU 0, 1: the symbols of the first kernel are not known'],
  });
  t.match(autopsy?.interrupts[0], /^IO-APIC version/);
});

void t.test('a run that did not fire has none', async (t) => {
  t.strictSame(await factsAfter(''), []);
});
