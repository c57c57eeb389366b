import { stacksOf } from '../autopsy/stacks.js';
import { MachineFailure } from '../machine/machine.js';
import { reportProofs } from '../classify/report-proofs.js';
import { fire } from '../trigger/fire.js';
import { armThroughSsh } from '../trigger/ssh.js';
import { choreograph, type DebugSession } from './choreograph.js';
import { recordInterruptState } from './irqchips.js';
import type { LiveGuest } from './live-guest.js';
import type { OpenProof } from './prepare-guest.js';

const CAPTURE_SIGNS = ['capture-command-line', 'jumped', 'capture-hello'] as const;
/** A capture guest that has reported powers off at once; this is for a slow host. */
const POWER_OFF_LIMIT_MS = 20_000;

/** Fires, and follows the guest for as long as its next rung is within its deadline. Ends by {@link RunEnded}. */
export async function crashGuest(guest: LiveGuest, openProofs: readonly OpenProof[]): Promise<void> {
  try {
    await crashAndFollow(guest, openProofs);
  } finally {
    // Only now has the console said all that it will say.
    for (const fact of reportProofs(guest.plan.scenario, guest.watch.events)) guest.watch.fact(fact);
  }
}

async function crashAndFollow(guest: LiveGuest, openProofs: readonly OpenProof[]): Promise<void> {
  const { trigger } = guest.plan.scenario;
  if (trigger.kind !== 'choreography') {
    // A session takes its time to be there; what is recorded right before firing comes after that.
    const crash = trigger.kind === 'ssh' ? await armThroughSsh(trigger, guest) : () => fire(trigger, guest);
    await recordInterruptState(guest);
    guest.sources.firing();
    await crash();
    await guest.sources.fired();
    return follow(guest, openProofs);
  }
  const session = await choreograph(trigger.steps, guest);
  await guest.sources.fired();
  try {
    await follow(guest, openProofs);
  } finally {
    await examine(session, guest);
  }
}

/** Interrupt controllers as QEMU shows them; the replies stay in the QMP log. */
const IRQCHIP_COMMANDS = ['info pic', 'info irq'] as const;

/** What a guest that got stuck still says: its stacks and its interrupt controllers. */
async function examine({ gdb, symbols }: DebugSession, guest: LiveGuest): Promise<void> {
  const { watch, plan } = guest;
  if (watch.events.some(({ type }) => type === 'shutdown' || type === 'capture-done')) return;
  const armed = watch.events.findLast((event) => event.type === 'armed');
  const sameImage = plan.captureKernel.sha256 === plan.kernel.sha256;
  try {
    const stacks = await stacksOf({
      gdb,
      symbols,
      armed: armed?.armed,
      sameImage,
      monitor: (command) => guest.monitor(command),
    });
    for (const fact of stacks) watch.fact(fact);
    const lapics = gdb.vcpus.map((vcpu) => `info lapic ${vcpu}`);
    for (const command of [...IRQCHIP_COMMANDS, ...lapics]) await guest.monitor(command);
  } catch (error) {
    // A QEMU that is gone says nothing more; its exit is recorded.
    if (!(error instanceof MachineFailure)) throw error;
  }
}

async function follow(guest: LiveGuest, openProofs: readonly OpenProof[]): Promise<void> {
  const { plan, watch } = guest;
  const { limits } = plan;
  const sign = await watch.tryWaitFor(['panic', ...CAPTURE_SIGNS], () => true, { limitMs: limits.watchMs });
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
  await watch.tryWaitFor('shutdown', () => true, { limitMs: POWER_OFF_LIMIT_MS });
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
