import { type QtestClient, type QtestCommand, setIrqIn, writel } from '../../qemu/qtest/index.js';
import type { Interrupts, Pulse } from '../machine.js';
import { answer } from './failure.js';
import { messageWrite } from './msi-write.js';
import { remember } from './remember.js';

/** Pins of QEMU's IO-APIC (include/hw/i386/ioapic_internal.h, IOAPIC_NUM_PINS). */
const IO_APIC_PINS = 24;

/**
 * Lines of KVM's interrupt routing are GSIs: 0 is wired to pin 2 of the IO-APIC, 2 to nothing, so that no line drives pin
 * 0 (hw/i386/kvm/ioapic.c, kvm_pc_setup_irq_routing() and kvm_ioapic_set_irq(), 7.2). Lines 0 to 15 raise the 8259's
 * as well, which QEMU's own IO-APIC leaves alone.
 */
const KVM_LINES: ReadonlyMap<number, number> = new Map([[2, 0]]);
const KVM_DEAD_PINS = [0];

/** The parts of interrupt injection; each is requested at its first use. */
export interface InterruptParts {
  readonly connectQtest: () => Promise<Pick<QtestClient, 'executeAll'>>;
  /** By vCPU number. */
  readonly apicIds: () => Promise<ReadonlyMap<number, number>>;
  /** The IO-APIC's path in QEMU's object tree; undefined on a machine without one. */
  readonly ioApicPath: () => Promise<string | undefined>;
  readonly accel: 'kvm' | 'tcg';
}

/**
 * Interrupts over the qtest channel, which QEMU serves from its main loop while the guest runs: an MSI is the memory
 * write of a device, a pin is driven as a device's line. Measured under TCG and, on an emulated host, under KVM
 * (QEMU 7.2). There a write to an APIC's page goes to hw/i386/kvm/apic.c,
 * kvm_apic_mem_write() (KVM_SIGNAL_MSI), a pin to hw/i386/kvm/ioapic.c, kvm_ioapic_set_irq() (KVM_IRQ_LINE).
 */
export function qtestInterrupts(parts: InterruptParts): Interrupts {
  const qtest = remember(parts.connectQtest);
  const apicIds = remember(parts.apicIds);
  const ioApicPath = remember(parts.ioApicPath);
  const lines = parts.accel === 'kvm' ? KVM_LINES : new Map<number, number>();
  return {
    async send(pulses, options) {
      const channel = await answer(qtest());
      const ids = await answer(apicIds());
      const device = pulses.some((pulse) => 'pin' in pulse) ? await answer(ioApicPath()) : undefined;
      const commands = pulses.map((pulse) => commandOf(pulse, { ids, device, lines }));
      await answer(channel.executeAll(commands, options));
    },
    apicIdOf: async (vcpu) => apicIdIn(await answer(apicIds()), vcpu),
    deadPins: parts.accel === 'kvm' ? KVM_DEAD_PINS : [],
    ioApicPins: async () => ((await answer(ioApicPath())) === undefined ? 0 : IO_APIC_PINS),
  };
}

function commandOf(
  pulse: Pulse,
  {
    ids,
    device,
    lines,
  }: {
    ids: ReadonlyMap<number, number>;
    device: string | undefined;
    lines: ReadonlyMap<number, number>;
  },
): QtestCommand {
  if ('pin' in pulse) {
    if (device === undefined) throw new RangeError(`cannot drive pin "${pulse.pin}": there is no IO-APIC`);
    return setIrqIn({ device, line: lines.get(pulse.pin) ?? pulse.pin }, pulse.level);
  }
  const { address, data } = messageWrite(apicIdIn(ids, pulse.vcpu), pulse.message);
  return writel(address, data);
}

function apicIdIn(ids: ReadonlyMap<number, number>, vcpu: number): number {
  const apicId = ids.get(vcpu);
  if (apicId !== undefined) return apicId;
  throw new RangeError(`cannot send an interrupt to vCPU "${vcpu}": there are ${ids.size}`);
}
