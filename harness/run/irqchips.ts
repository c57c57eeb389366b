import { type Irqchips, readIrqchips } from '../hmp/irqchips.js';
import { type LocalApic, readLapic } from '../hmp/lapic.js';
import { MachineFailure, MissingAbility } from '../machine/machine.js';
import type { PinName } from '../proof/names.js';
import { pinOfDevice, readProcInterrupts } from '../timeline/proc-interrupts.js';
import type { LiveGuest } from './live-guest.js';

/** Reads IO-APIC and 8259s. */
export async function readGuestIrqchips(guest: LiveGuest): Promise<Irqchips> {
  return readIrqchips(await guest.monitor('info pic'));
}

/** Reads a vCPU's local APIC; undefined when QEMU shows none. */
export async function readGuestLapic(guest: LiveGuest, vcpu: number): Promise<LocalApic | undefined> {
  const text = await guest.looks().lapic(vcpu);
  return text === undefined ? undefined : readLapic(text);
}

/**
 * Records the interrupt controllers as they are right before firing. A monitor that does not answer leaves the record
 * out: it is told by QEMU's exit or the run's deadlines, and nothing is judged by this record.
 */
export async function recordInterruptState(guest: LiveGuest): Promise<void> {
  try {
    const pic = await guest.monitor('info pic');
    const lapics: { vcpu: number; text: string }[] = [];
    for (const vcpu of await guest.looks().vcpus()) {
      lapics.push({ vcpu, text: (await guest.looks().lapic(vcpu)) ?? '' });
    }
    guest.fact({ fact: 'interrupt-state', pic, lapics });
  } catch (error) {
    if (!(error instanceof MachineFailure || error instanceof MissingAbility)) throw error;
  }
}

/** Finds the pins that a scenario names; the guest is asked only when one is named by its device. */
export async function findPins(
  guest: LiveGuest,
  names: readonly PinName[],
): Promise<(name: PinName) => number | undefined> {
  const rows = names.some((name) => typeof name === 'string')
    ? readProcInterrupts(
        (await guest.ask(guest.requests.script('cat /proc/interrupts'), 'reading /proc/interrupts')).output,
      )
    : [];
  return (name) => (typeof name === 'number' ? name : pinOfDevice(rows, name));
}
