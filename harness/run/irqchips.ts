import { type InterruptRow, pinOfDevice, readProcInterrupts } from '../timeline/proc-interrupts.js';
import { readLapic } from '../hmp/lapic.js';
import { readRouters } from '../hmp/irqchips.js';
import type { InterruptRouters, LocalApic, PinName } from '../model/irqchip.js';
import { QmpError } from '../qemu/qmp/index.js';
import type { LiveGuest } from './live-guest.js';

/** Reads IO-APIC and 8259s. */
export async function readGuestRouters(guest: LiveGuest): Promise<InterruptRouters> {
  return readRouters(await guest.monitor('info pic'));
}

/** Reads a vCPU's local APIC; undefined when QEMU shows none. */
export async function readGuestLapic(guest: LiveGuest, vcpu: number): Promise<LocalApic | undefined> {
  const id = (await guest.apicIds()).get(vcpu);
  return id === undefined ? undefined : readLapic(await guest.monitor(`info lapic ${id}`));
}

/**
 * Records the interrupt controllers as they are right before firing. A monitor that does not answer leaves the record
 * out: it is told by QEMU's exit or the run's deadlines, and nothing is judged by this record.
 */
export async function recordInterruptState(guest: LiveGuest): Promise<void> {
  try {
    const pic = await guest.monitor('info pic');
    const lapics: { vcpu: number; text: string }[] = [];
    for (const [vcpu, id] of await guest.apicIds()) {
      lapics.push({ vcpu, text: await guest.monitor(`info lapic ${id}`) });
    }
    guest.fact({ fact: 'interrupt-state', pic, lapics });
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
  }
}

/** The rows of the guest's /proc/interrupts. */
export async function readGuestInterrupts(guest: LiveGuest): Promise<readonly InterruptRow[]> {
  const reply = await guest.ask(guest.requests.script('cat /proc/interrupts'), 'reading /proc/interrupts');
  return readProcInterrupts(reply.output);
}

/** Finds the pins that a scenario names; the guest is asked only when one is named by its device. */
export async function findPins(
  guest: LiveGuest,
  names: readonly PinName[],
): Promise<(name: PinName) => number | undefined> {
  const rows = names.some((name) => typeof name === 'string') ? await readGuestInterrupts(guest) : [];
  return (name) => (typeof name === 'number' ? name : pinOfDevice(rows, name));
}
