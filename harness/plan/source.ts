import { z } from 'zod';
import { cpuSchema as cpu, PinNameSchema } from '../proof/names.js';
import { FrameSourceSchema, frameSourceName } from './frame-source.js';

/** Messages per second; `max`: as many as the host manages. */
const perSecond = z.union([z.number().min(0.1).max(1_000_000), z.literal('max')]);
/** `fired`: stops at the moment of firing. */
const until = z.enum(['fired', 'end']).default('end');
/** Fewer per second, measured before firing, make the run void. */
const atLeastPerSecond = z.number().min(0.1).max(1_000_000).optional();

/** An interrupt source outside the guest. It runs from the end of the preparation through the crash. */
export const SourceSchema = z.union([
  z.strictObject({
    /** A line that is held asserted on a pin of the IO-APIC, or pulsed. */
    pin: PinNameSchema,
    drive: z.union([z.literal('held'), z.strictObject({ pulsesPerSecond: perSecond })]),
    atLeastPerSecond,
    until,
  }),
  z.strictObject({
    /** Messages with a vector (fixed delivery, edge) to one vCPU's local APIC, as a device's MSI would be. */
    vector: z.number().int().min(16).max(255),
    cpu,
    perSecond,
    atLeastPerSecond,
    until,
  }),
  z.strictObject({
    /** NMIs to one vCPU. */
    nmi: z.literal(true),
    cpu,
    perSecond: z.union([perSecond, z.literal('once')]),
    atLeastPerSecond,
    until,
  }),
  FrameSourceSchema,
]);

export type SourceSpec = z.infer<typeof SourceSchema>;
/** One that goes through QEMU's qtest channel. */
export type QtestSourceSpec = Exclude<SourceSpec, { frames: unknown }>;

/** A source for people: `vector 209 to cpu0 at max/s`, `pin 9 held`. */
export function sourceName(spec: SourceSpec): string {
  if ('frames' in spec) return frameSourceName(spec);
  if ('pin' in spec) {
    const drive = spec.drive === 'held' ? 'held' : `pulsed at ${spec.drive.pulsesPerSecond}/s`;
    return `pin ${spec.pin} ${drive}`;
  }
  const rate = spec.perSecond === 'once' ? 'once' : `at ${spec.perSecond}/s`;
  return `${'vector' in spec ? `vector ${spec.vector}` : 'NMI'} to cpu${spec.cpu} ${rate}`;
}
