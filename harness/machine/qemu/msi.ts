import { messageWrite } from './msi-write.js';
import type { InterruptMessage } from '../../model/interrupt.js';
import { type QtestClient, type QtestCommand, writel } from '../../qemu/qtest/index.js';

/** Sends interrupts to single vCPUs from outside the guest. */
export interface Messenger {
  /** Sends one; it is pending when this resolves, whether the vCPU runs or stands. Returns the APIC id it went to. */
  send(vcpu: number, message: InterruptMessage): Promise<number>;
}

/** A messenger over the qtest channel: each message is the write that a device's MSI would be. */
export function openMessenger(qtest: QtestClient, apicIds: ReadonlyMap<number, number>): Messenger {
  return {
    async send(vcpu, message) {
      const apicId = apicIdOf(vcpu, apicIds);
      await qtest.executeAll([messageCommand(apicId, message)]);
      return apicId;
    },
  };
}

/** The qtest command that sends a message to an APIC. */
export function messageCommand(apicId: number, message: InterruptMessage): QtestCommand {
  const { address, data } = messageWrite(apicId, message);
  return writel(address, data);
}

/** The APIC id of a vCPU. Throws a RangeError when there is no such vCPU. */
export function apicIdOf(vcpu: number, apicIds: ReadonlyMap<number, number>): number {
  const apicId = apicIds.get(vcpu);
  if (apicId === undefined) {
    throw new RangeError(`cannot send an interrupt to vCPU "${vcpu}": there are ${apicIds.size}`);
  }
  return apicId;
}
