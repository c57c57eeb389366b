import { type HostFact, HostFactSchema, type RunRecord } from '../../model/record.js';
import { readRecording } from '../../store/read-recording.js';
import type { Clock } from '../clock.js';
import { type Abilities, type Machine, type MachineLog, MissingAbility, type Monitor } from '../machine.js';
import { SteppedClock } from './clock.js';
import { Replay, report } from './replay.js';

const NAME = 'a recording';

/** A stored run as a machine. */
export interface RecordedMachine {
  /** The clock of the replay: recorded times, at the speed of the run. The run must use it. */
  readonly clock: Clock;
  /** Begins the replay. */
  readonly open: (place: { readonly log: MachineLog }) => Promise<Machine>;
}

/**
 * Replays the recording of a run directory as a machine. It has a console, the control channel, reset, NMI, a keyboard,
 * and a monitor with the recorded answers. It has no debugger, no interrupt injection and no network. A run on it must
 * have the plan of the recording: requests are matched by their numbers.
 */
export async function recordedMachine(directory: string): Promise<RecordedMachine> {
  const records = await readRecording(directory);
  const clock = new SteppedClock();
  return {
    clock,
    async open({ log }) {
      const replay = new Replay(records, clock);
      const seen: { registers: string | undefined } = { registers: undefined };
      const playing = replay.play((record) => {
        if (record.kind === 'sample') seen.registers = record.record.text;
        report(record, log);
      });
      // `close` rejects with it.
      playing.catch(() => undefined);
      return {
        name: NAME,
        abilities: abilitiesOf(replay, monitorOf(records, { replay, log, seen })),
        lastBytes: () => replay.lastBytes(),
        async close() {
          replay.stop();
          await playing;
          for (const fact of askedExits(records)) log.fact(fact);
        },
      };
    },
  };
}

/** How the recorded machine ended when it was closed. */
function askedExits(records: readonly RunRecord[]): HostFact[] {
  return records.flatMap((record) => {
    if (record.kind !== 'host') return [];
    const fact = HostFactSchema.parse(record.record);
    return fact.fact === 'qemu-exit' && fact.asked ? [fact] : [];
  });
}

function abilitiesOf(replay: Replay, monitor: Monitor): Abilities {
  const command = (name: string) => async () => replay.did(`command ${name}`);
  return {
    // Typed bytes were not recorded; their effect is part of the recording.
    console: { send: () => undefined, sendBreak: command('chardev-send-break') },
    control: {
      send(bytes) {
        const id = /^(\d+) /.exec(bytes.toString('latin1'))?.[1];
        if (id !== undefined) replay.did(`request ${Number(id)}`);
      },
    },
    reset: { reset: command('system_reset') },
    nmi: { inject: command('inject-nmi') },
    machineCheck: {
      async inject() {
        replay.did('command human-monitor-command');
        return '';
      },
    },
    keyboard: { hold: command('input-send-event') },
    monitor,
  };
}

/** The recorded answers of a machine's monitor; others are missing. */
function monitorOf(
  records: readonly RunRecord[],
  {
    replay,
    log,
    seen,
  }: { replay: Replay; log: MachineLog; seen: { readonly registers: string | undefined } },
): Monitor {
  const state = records.flatMap((record) =>
    record.kind === 'host' && record.record.fact === 'interrupt-state' ? [record.record] : [],
  )[0];
  const lacks = (what: string) => new MissingAbility('monitor', NAME, ` that shows ${what}`);
  return {
    async registers() {
      if (seen.registers === undefined) throw lacks('registers at this time');
      return seen.registers;
    },
    async irqchips() {
      if (state === undefined) throw lacks('interrupt controllers');
      return state.pic;
    },
    interruptCounts: () => Promise.reject(lacks('interrupt counts')),
    async lapic(vcpu) {
      if (state === undefined) throw lacks('local APICs');
      return state.lapics.find((lapic) => lapic.vcpu === vcpu)?.text;
    },
    async vcpus() {
      if (state === undefined) throw lacks('local APICs');
      return state.lapics.map(({ vcpu }) => vcpu);
    },
    runState: async () => 'running',
    // The samples of the recording come at their times.
    startSampling: () => async () => {
      const last = replay.stop();
      if (last !== undefined) log.sample(last);
    },
  };
}
