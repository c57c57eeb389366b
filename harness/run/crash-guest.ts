import { stacksOf } from '../autopsy/stacks.js';
import { fire } from '../trigger/fire.js';
import { fireSsh } from '../trigger/ssh.js';
import { choreograph, type DebugSession } from './choreograph.js';
import type { LiveGuest } from './live-guest.js';
import type { OpenProof } from './prepare-guest.js';

const CAPTURE_SIGNS = ['capture-command-line', 'jumped', 'capture-hello'] as const;
/** A capture guest that has reported powers off at once; this is for a slow host. */
const POWER_OFF_LIMIT_MS = 20_000;

/** Fires, and follows the guest for as long as its next rung is within its deadline. Ends by {@link RunEnded}. */
export async function crashGuest(guest: LiveGuest, openProofs: readonly OpenProof[]): Promise<void> {
  const { trigger } = guest.plan.scenario;
  if (trigger.kind === 'ssh') {
    await fireSsh(trigger, guest);
    return follow(guest, openProofs);
  }
  if (trigger.kind !== 'choreography') {
    await fire(trigger, guest);
    return follow(guest, openProofs);
  }
  const session = await choreograph(trigger.steps, guest);
  try {
    await follow(guest, openProofs);
  } finally {
    await readStacks(session, guest);
  }
}

/** What a guest that got stuck before the capture kernel still says. */
async function readStacks(session: DebugSession, { watch }: LiveGuest): Promise<void> {
  if (watch.events.some(({ type }) => type === 'shutdown' || type === 'capture-hello')) return;
  const armed = watch.events.findLast((event) => event.type === 'armed');
  for (const fact of await stacksOf(session, armed?.armed)) watch.fact(fact);
}

async function follow(guest: LiveGuest, openProofs: readonly OpenProof[]): Promise<void> {
  const { plan, watch } = guest;
  const { limits } = plan;
  const sign = await watch.waitFor(['panic', ...CAPTURE_SIGNS], () => true, {
    what: 'the first sign of a panic',
    limitMs: limits.watchMs,
    soft: true,
  });
  if (sign === undefined && (await stillAlive(guest, openProofs))) {
    watch.end('the guest is still alive');
    return;
  }
  // A guest that says nothing may be on its way all the same: a panic in NMI context can print nothing.
  await watch.waitFor(['capture-command-line', 'capture-hello'], () => true, {
    what: 'the crash path, from the panic to the capture kernel,',
    limitMs: limits.crashPathMs,
  });
  await watch.waitFor('capture-hello', () => true, {
    what: "the capture kernel's boot",
    limitMs: limits.captureBootMs,
  });
  await watch.waitFor('capture-done', () => true, {
    what: "the capture kernel's report",
    limitMs: limits.captureReportMs,
  });
  await watch.waitFor('shutdown', () => true, {
    what: 'the power-off',
    limitMs: POWER_OFF_LIMIT_MS,
    soft: true,
  });
  watch.end('the capture kernel has reported');
}

async function stillAlive(guest: LiveGuest, openProofs: readonly OpenProof[]): Promise<boolean> {
  const { watch, requests } = guest;
  const reply = await guest.tryAsk(requests.ping());
  watch.fact({ fact: 'watch-ended', answered: reply !== undefined });
  if (reply === undefined) return false;
  for (const proof of openProofs) await proof.complete();
  return true;
}
