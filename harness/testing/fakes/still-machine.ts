import type { Debugger } from '../../machine/debugger.js';
import type { Machine } from '../../machine/machine.js';
import { type MadeVcpu, registers } from '../builders/runs.js';
import { LAPIC_PC, PIC_PC } from '../recordings/monitor-text.js';
import { in64Bit } from './still-debugger.js';

/** A machine whose two vCPUs do not move, with a debugger and a monitor, and with `memory` if that is given. */
export function stillMachine(
  vcpus: readonly [MadeVcpu, MadeVcpu],
  {
    connect,
    memory,
  }: { readonly connect: () => Promise<Debugger>; readonly memory?: Machine['abilities']['memory'] },
): Machine {
  return {
    name: 'a made machine',
    abilities: {
      control: { send: () => undefined },
      debugger: { connect },
      ...(memory && { memory }),
      monitor: {
        registers: async () => in64Bit(registers(vcpus)),
        irqchips: async () => PIC_PC,
        interruptCounts: async () => '',
        lapic: async () => LAPIC_PC,
        vcpus: async () => [0, 1],
        runState: async () => 'running',
        startSampling: () => async () => undefined,
      },
    },
    close: async () => undefined,
  };
}
