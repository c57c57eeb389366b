import { z } from 'zod';
import { asking, type Judged } from './proof.js';
import type { CaptureWitness } from './witness.js';

/** Interrupts that an IOMMU remaps have chips of their own: `IR-IO-APIC`, `DMAR-IR-...` (drivers/iommu, v6.1). */
const REMAPPED = /\bIR-(?:IO-APIC|PCI-MSI)/;

const HardwareProof = z
  .strictObject({
    pagingLevels: z.union([z.literal(4), z.literal(5)]).optional(),
    efi: z.boolean().optional(),
    /** Whether it drives an IOMMU. */
    iommu: z.boolean().optional(),
    /** Whether an IOMMU remaps its interrupts. */
    irqRemapping: z.boolean().optional(),
    numaNodes: z.number().int().min(1).max(64).optional(),
  })
  .refine(
    (asked) => Object.keys(asked).length > 0,
    'must say one of pagingLevels, efi, iommu, irqRemapping, numaNodes',
  );

/** `hardware: { pagingLevels: 5, iommu: false }`: the hardware as the capture kernel uses it. */
export const captureHardware = {
  name: 'hardware of the capture kernel',
  capture: asking(
    z.strictObject({ hardware: HardwareProof }),
    ({ hardware: asked }, { hardware, interrupts }: CaptureWitness): Judged => {
      const what = `its hardware is ${wordsFor(asked)}`;
      if (hardware === undefined) return { what, proved: false, saw: 'none reported' };
      const { pagingLevels, efi, iommus, numaNodes } = hardware;
      const irqRemapping = REMAPPED.test(interrupts);
      const saw = { pagingLevels, efi, iommu: iommus > 0, irqRemapping, numaNodes };
      const there = new Map<string, boolean | number>(Object.entries(saw));
      const proved = Object.entries(asked).every(
        ([key, value]) => value === undefined || there.get(key) === value,
      );
      return { what, proved, saw: wordsFor(saw) };
    },
  ),
};

/** `pagingLevels 5, efi false`. */
function wordsFor(hardware: Readonly<Record<string, boolean | number | undefined>>): string {
  return Object.entries(hardware)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key} ${value}`]))
    .join(', ');
}
