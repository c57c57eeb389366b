import type { LkdtmOffer } from '../trigger/lkdtm-offer.js';

/** What `kernel crash-points` prints: a line for each point and type, or one JSON object. Pure. */
export function crashPointsText(
  spec: string,
  { points, types }: LkdtmOffer,
  { json }: { json: boolean },
): string {
  if (json) return `${JSON.stringify({ spec, points, types })}\n`;
  return [...points.map((point) => `point  ${point}`), ...types.map((type) => `type   ${type}`), ''].join(
    '\n',
  );
}
