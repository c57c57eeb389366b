import { z } from 'zod';

const milliseconds = z.number().int().nonnegative();
/** Why the outcome is what it is, a clause for people. */
const detail = z.string().max(1000);

/**
 * What is known about KVM on this host. `tried` says whether a guest was run under KVM.
 *
 * - `proved`: the guest did its work there, correctly and faster than under TCG;
 * - `too-slow`: it did not end in time, or took as long as TCG (`ended`);
 * - `failed`: QEMU or the guest ended in an unexpected way;
 * - `no-device`, `no-permission`: /dev/kvm is absent or unusable, or may not be opened;
 * - `not-built-in`: this QEMU has no KVM; `not-asked`: TCG was asked for.
 */
export const kvmProofSchema = z.discriminatedUnion('outcome', [
  z.strictObject({ outcome: z.literal('not-asked'), tried: z.literal(false), detail }),
  z.strictObject({ outcome: z.literal('no-device'), tried: z.literal(false), detail }),
  z.strictObject({ outcome: z.literal('no-permission'), tried: z.literal(false), detail }),
  z.strictObject({ outcome: z.literal('not-built-in'), tried: z.literal(false), detail }),
  z.strictObject({
    outcome: z.literal('proved'),
    tried: z.literal(true),
    /** From the spawn of QEMU to its end. */
    tookMs: milliseconds,
    /** The counting alone. */
    workMs: milliseconds,
    detail,
  }),
  z.strictObject({
    outcome: z.literal('too-slow'),
    tried: z.literal(true),
    tookMs: milliseconds,
    /** False when the guest was killed at the deadline. */
    ended: z.boolean(),
    /**
     * How much of that a thread of QEMU could have run and got no CPU, of the thread that waited longest; absent where
     * the host does not tell.
     */
    waitedMs: milliseconds.optional(),
    detail,
  }),
  z.strictObject({ outcome: z.literal('failed'), tried: z.literal(true), tookMs: milliseconds, detail }),
]);

export type KvmProof = z.infer<typeof kvmProofSchema>;

/** KVM's proof and what TCG needed for the same guest; the TCG times are absent when it was not run. */
export const accelProofSchema = z.strictObject({
  kvm: kvmProofSchema,
  tcgTookMs: milliseconds.optional(),
  tcgWorkMs: milliseconds.optional(),
});

export type AccelProof = z.infer<typeof accelProofSchema>;

const REMEDIES: Readonly<Record<KvmProof['outcome'], string>> = {
  'no-device':
    'load kvm_intel or kvm_amd and enable virtualization in the firmware (or in the outer hypervisor), or use tcg',
  'no-permission': 'join the group that owns the device (adduser "$USER" kvm, then log in again), or use tcg',
  'too-slow':
    'use tcg, a host whose KVM has hardware page tables (nested: enable nested EPT/NPT in the outer hypervisor), or insist with --accel kvm-unproved',
  failed: 'look for kvm in the kernel log (dmesg), use tcg, or insist with --accel kvm-unproved',
  'not-built-in':
    'install a QEMU with KVM for this CPU (apt-get install qemu-system-x86 on an x86 host), or use tcg',
  'not-asked': 'ask for auto or kvm to have it probed',
  proved: 'nothing to do',
};

/** The remedy for each outcome. Pure. */
export function remedyFor(kvm: KvmProof): string {
  return REMEDIES[kvm.outcome];
}
