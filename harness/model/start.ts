import { z } from 'zod';

/** Why the guest of a run booted. */
export const BOOT_REASONS = [
  'no-clone',
  'few-runs',
  'control',
  'no-room',
  'no-template',
  'clone-failed',
  'other-host',
  'uncloneable',
] as const;
export const BootReasonSchema = z.enum(BOOT_REASONS);
export type BootReason = z.infer<typeof BootReasonSchema>;

/** The reasons in words for people. */
export const BOOTED_BECAUSE: Readonly<Record<BootReason, string>> = {
  'no-clone': 'each of its runs was to boot',
  'few-runs': 'the guest has too few runs to boot once more for clones',
  control: 'a control: the guest of some runs boots, so that clones can be compared with it',
  'no-room': 'this host has no memory to spare for a template',
  'no-template': 'the guest did not come to be armed, or its machine cannot be saved',
  'clone-failed': 'it was begun as a clone, which did not come to be armed',
  'other-host': 'the guest runs on a host that keeps no templates',
  uncloneable:
    'its machine has a disk, UEFI, an IOMMU, NUMA nodes or plugged parts, which clones do not take over',
};

/** How the guest of a run began: as a clone of a template of the campaign, whose boot took so long, or with a boot. */
export const StartSchema = z.union([
  z.object({ template: z.string().max(300), tookMs: z.number() }),
  z.object({
    booted: BootReasonSchema,
    /** What failed, one line. */
    saw: z.string().max(1000).optional(),
  }),
]);
export type StartOfRun = z.infer<typeof StartSchema>;

/** The template of a run that began as a clone; undefined for one that booted, or whose recording does not say. Pure. */
export function templateOf({ clone }: { readonly clone?: StartOfRun | undefined }) {
  return clone !== undefined && 'template' in clone ? clone : undefined;
}
