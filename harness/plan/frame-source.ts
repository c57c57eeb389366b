import { z } from 'zod';

/** Broadcast frames from the host to the guest's network card (`guest.nic` with `net: frames`). */
export const FrameSourceSchema = z.strictObject({
  frames: z.literal('broadcast'),
  /** Frames per second; `max`: as many as the card takes. */
  perSecond: z.union([z.number().min(0.1).max(1_000_000), z.literal('max')]),
  /** Bytes of each, without the checksum. */
  sizeBytes: z.number().int().min(60).max(1514).default(60),
  atLeastPerSecond: z.number().min(0.1).max(1_000_000).optional(),
  /** `fired`: stops at the moment of firing. */
  until: z.enum(['fired', 'end']).default('end'),
});
export type FrameSourceSpec = z.infer<typeof FrameSourceSchema>;

/** A source of frames for people: `broadcast frames at 2000/s`. */
export function frameSourceName({ frames, perSecond }: FrameSourceSpec): string {
  return `${frames} frames at ${perSecond}/s`;
}
