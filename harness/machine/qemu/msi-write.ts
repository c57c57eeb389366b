import type { InterruptMessage } from '../machine.js';

/** The address of message-signalled interrupts (Intel SDM volume 3, "Message Signalled Interrupts"). */
const MSI_ADDRESS = 0xfee0_0000;
const DESTINATION_SHIFT = 12;
/** APIC id 255 is a broadcast. */
const MAX_APIC_ID = 254;
/** Delivery mode in bits 8 to 10 of the data: 4 is NMI, 0 is fixed. */
const DELIVER_NMI = 0x400;
/**
 * Delivery mode 3, "remote read", which hardware has no more. KVM takes it for a kick: it ends the `hlt` of a vCPU that
 * waits for a paravirtual lock (arch/x86/kvm/lapic.c, __apic_accept_irq(), APIC_DM_REMRD, Linux 6.1). Not run.
 */
const DELIVER_KICK = 0x300;

/**
 * The memory write that sends an interrupt to one local APIC, physical destination, edge triggered. An x2APIC whose id
 * fits into the address's eight bits accepts it as well. Throws a RangeError for an id that does not fit.
 */
export function messageWrite(
  apicId: number,
  message: InterruptMessage,
): { readonly address: number; readonly data: number } {
  if (!Number.isInteger(apicId) || apicId < 0 || apicId > MAX_APIC_ID) {
    throw new RangeError(`cannot address APIC "${apicId}": a message has room for ids 0 to ${MAX_APIC_ID}`);
  }
  return {
    address: MSI_ADDRESS + apicId * 2 ** DESTINATION_SHIFT,
    data: dataOf(message),
  };
}

function dataOf(message: InterruptMessage): number {
  if ('nmi' in message) return DELIVER_NMI;
  return 'kick' in message ? DELIVER_KICK : message.vector;
}
