import { type QtestClient, type QtestCommand, setIrqIn, writel } from '../../qemu/qtest/index.js';
import type { Interrupts, Pulse } from '../machine.js';
import { answer } from './failure.js';
import { messageWrite } from './msi-write.js';
import { remember } from './remember.js';

/** QEMU's IO-APIC has so many pins (include/hw/i386/ioapic_internal.h, IOAPIC_NUM_PINS). */
const IO_APIC_PINS = 24;

/** What interrupts from outside the guest are made of; each is asked for when it is needed first. */
export interface InterruptParts {
  readonly connectQtest: () => Promise<Pick<QtestClient, 'executeAll'>>;
  /** By vCPU number. */
  readonly apicIds: () => Promise<ReadonlyMap<number, number>>;
  /** The IO-APIC's path in QEMU's object tree; undefined on a machine without one. */
  readonly ioApicPath: () => Promise<string | undefined>;
}

/**
 * Interrupts over the qtest channel, which QEMU serves from its main loop while the guest runs: a message is the write
 * that a device's MSI would be, a pin the line of a device. Under TCG it is run and measured (QEMU 7.2). Under KVM it
 * should do the same by QEMU's source, and was not run: a write to an APIC's page goes to hw/i386/kvm/apic.c,
 * kvm_apic_mem_write() (KVM_SIGNAL_MSI), a pin to hw/i386/kvm/ioapic.c, kvm_ioapic_set_irq() (KVM_IRQ_LINE).
 */
export function qtestInterrupts(parts: InterruptParts): Interrupts {
  const qtest = remember(parts.connectQtest);
  const apicIds = remember(parts.apicIds);
  const ioApicPath = remember(parts.ioApicPath);
  return {
    async send(pulses, options) {
      const channel = await answer(qtest());
      const ids = await answer(apicIds());
      const device = pulses.some((pulse) => 'pin' in pulse) ? await answer(ioApicPath()) : undefined;
      const commands = pulses.map((pulse) => commandOf(pulse, { ids, device }));
      await answer(channel.executeAll(commands, options));
    },
    apicIdOf: async (vcpu) => apicIdIn(await answer(apicIds()), vcpu),
    ioApicPins: async () => ((await answer(ioApicPath())) === undefined ? 0 : IO_APIC_PINS),
  };
}

function commandOf(
  pulse: Pulse,
  { ids, device }: { ids: ReadonlyMap<number, number>; device: string | undefined },
): QtestCommand {
  if ('pin' in pulse) {
    if (device === undefined) throw new RangeError(`cannot drive pin "${pulse.pin}": there is no IO-APIC`);
    return setIrqIn({ device, line: pulse.pin }, pulse.level);
  }
  const { address, data } = messageWrite(apicIdIn(ids, pulse.vcpu), pulse.message);
  return writel(address, data);
}

function apicIdIn(ids: ReadonlyMap<number, number>, vcpu: number): number {
  const apicId = ids.get(vcpu);
  if (apicId !== undefined) return apicId;
  throw new RangeError(`cannot send an interrupt to vCPU "${vcpu}": there are ${ids.size}`);
}
