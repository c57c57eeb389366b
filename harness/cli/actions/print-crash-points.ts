import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { harnessFault, usageFault } from '../../model/fault.js';
import type { RunEvent } from '../../model/event.js';
import { readScenario } from '../../plan/read-scenario.js';
import { planRuns } from '../../prepare/plan-runs.js';
import { openQemu } from '../../machine/qemu/open.js';
import { executeRun } from '../../run/execute-run.js';
import { createRunDirectory } from '../../store/run-directory.js';
import { LKDTM_PROOF, type LkdtmOffer, parseOffer } from '../../trigger/lkdtm-offer.js';
import { prepareOptions, say } from '../context.js';
import { interruptible } from './interruptible.js';

/** A warning is the mildest of lkdtm's actions; the guest is killed after it. */
const SCENARIO = `version: 1
name: crash-points
summary: what lkdtm offers
crashKernel: absent
trigger: { kind: lkdtm, point: DIRECT, type: WARNING }
watchMs: 500
expect: { verdict: no-panic }
`;

/** The lkdtm of a run's kernel. */
export type OfferSeen =
  | { readonly kind: 'offer'; readonly offer: LkdtmOffer }
  /** The kernel has no usable lkdtm; `why` is what the proof saw. */
  | { readonly kind: 'none'; readonly why: string }
  /** The run ended before lkdtm was listed. */
  | { readonly kind: 'not-asked' };

/** Boots a kernel, asks its lkdtm and prints its crash points and types; a kernel without one is a usage fault. */
export async function printCrashPoints({
  spec,
  json,
  timeoutScale,
}: {
  spec: string;
  json: boolean;
  timeoutScale?: number | undefined;
}): Promise<void> {
  const { events, explanation } = await bootOnce(spec, timeoutScale);
  const seen = offerSeen(events);
  if (seen.kind === 'not-asked') {
    throw harnessFault(
      `cannot list the crash points of "${spec}": ${explanation}; run a scenario on it to see why`,
    );
  }
  if (seen.kind === 'none') {
    throw usageFault(`cannot list the crash points of "${spec}": ${seen.why}; build a kernel that has lkdtm`);
  }
  process.stdout.write(crashPointsText(spec, seen.offer, { json }));
}

/** Reads lkdtm's offer from the guest's own reply, because the text of a proof is bounded. Pure. */
export function offerSeen(events: readonly RunEvent[]): OfferSeen {
  const offers = events.flatMap((event) =>
    event.type === 'reply' && event.status === 0 ? (parseOffer(event.output) ?? []) : [],
  );
  const [offer] = offers;
  if (offer !== undefined) return { kind: 'offer', offer };
  const proofs = events.flatMap((event) =>
    event.type === 'host' && event.fact.fact === 'proof' && event.fact.what === LKDTM_PROOF
      ? [event.fact]
      : [],
  );
  const [proof] = proofs;
  return proof === undefined ? { kind: 'not-asked' } : { kind: 'none', why: proof.saw };
}

/** One line for each point and each type, or one JSON object. Pure. */
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

async function bootOnce(
  spec: string,
  timeoutScale: number | undefined,
): Promise<{ events: readonly RunEvent[]; explanation: string }> {
  const stop = interruptible();
  const directory = await mkdtemp(join(tmpdir(), 'crashpath-points-'));
  try {
    const options = prepareOptions();
    const scenario = [readScenario(SCENARIO, 'crash-points.yaml')];
    const campaign = 'crash-points';
    const [plan] = await planRuns({ scenario, kernel: [spec], timeoutScale }, { ...options, campaign });
    if (plan === undefined) throw new Error('nothing was planned');
    say(`${plan.kernel.release}: starting (${plan.accel.accel})`);
    const events: RunEvent[] = [];
    const result = await executeRun(plan, await createRunDirectory(directory, plan), {
      open: openQemu,
      signal: stop.signal,
      cacheDir: options.cacheDir,
      onEvent: (event) => {
        if (event.type === 'reply' || event.type === 'host') events.push(event);
      },
    });
    return { events, explanation: result.explanation };
  } finally {
    stop.release();
    await rm(directory, { recursive: true, force: true });
  }
}
