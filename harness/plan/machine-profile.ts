import { z } from 'zod';
import { MachineClaimSchema } from '../proof/proofs.js';
import { mistakeInMachine, QEMU_NAME } from './guest-defaults.js';
import { HARDWARE } from './hardware.js';
import { NAME, ScenarioSchema } from './scenario.js';

const GUEST = ScenarioSchema.shape.guest.unwrap().shape;

const qemuName = z.string().max(256).regex(QEMU_NAME, 'must be a name with properties as QEMU writes them');

/** One value for both accelerators, or one for each. */
function byAccelerator<Schema extends z.ZodType>(value: Schema) {
  return z.union([value, z.strictObject({ tcg: value, kvm: value })]);
}

/**
 * A machine as data (scenarios/machines/*.yaml): QEMU's machine and CPU, the kernels' command lines, and claims. A
 * claim that the guest does not confirm makes the run void.
 */
export const MachineProfileSchema = z.strictObject({
  version: z.literal(1),
  name: z.string().regex(NAME, 'must be lower-case letters, digits and dashes'),
  summary: z.string().min(1).max(160),
  /** Reports of such machines, or what was measured. */
  evidence: z.array(z.string().min(1)).default([]),
  /** QEMU machine type, e.g. `q35` or `pc,hpet=off`. */
  machine: qemuName.superRefine((value, context) => {
    const message = mistakeInMachine(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  }),
  cpuModel: byAccelerator(qemuName),
  cpus: GUEST.cpus,
  memoryMiB: GUEST.memoryMiB,
  crashkernel: GUEST.crashkernel,
  ...HARDWARE,
  /**
   * Command lines of the first kernel and of the capture kernel, which starts on the same hardware. A KVM guest reads the
   * TSC's frequency from its hypervisor (arch/x86/kernel/kvmclock.c, v6.1), and no file knows that of the host.
   */
  append: byAccelerator(GUEST.append.unwrap()).optional(),
  captureAppend: byAccelerator(GUEST.captureAppend.unwrap()).optional(),
  /** Set on a machine whose CPU runs only kernels of one word width. */
  kernelBits: z.union([z.literal(32), z.literal(64)]).optional(),
  prove: z.array(MachineClaimSchema).min(1).max(32),
});

export type MachineProfile = z.infer<typeof MachineProfileSchema>;

/** A profile's value under an accelerator. */
export function under<Value extends string | undefined>(
  accel: 'kvm' | 'tcg',
  value: Value | { readonly tcg: Value; readonly kvm: Value },
): Value {
  return typeof value === 'object' ? value[accel] : value;
}
