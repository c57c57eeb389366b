import { setTimeout as sleep } from 'node:timers/promises';
import type { MemoryHost } from '../machine/qemu/host.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { MachineOpener } from '../run/machine-opener.js';
import type { Slots } from './slots.js';

/** A host of a campaign: how many guests run there at a time, and how. */
export interface Seat {
  /** As the caller named the host; undefined for this one. */
  readonly name: string | undefined;
  readonly jobs: number;
  /** Lets guests start as the host has room, `jobs` of them at most; absent: `jobs` at a time. */
  readonly slots?: Slots | undefined;
  readonly open: MachineOpener;
  /** Memory of templates on another host; absent: its runs boot. */
  readonly memory?: MemoryHost | undefined;
  /** The plan of a run on this host; the given one when absent. */
  readonly planOf?: ((plan: RunPlan) => RunPlan) | undefined;
  /** Whether the host can be reached; asked after a run lost it. */
  readonly isThere?: (() => Promise<boolean>) | undefined;
  /** How long a host that was lost is waited for, milliseconds; a minute when absent. */
  readonly patienceMs?: number | undefined;
}

/** How often a lost host is asked, and for how long. */
const AGAIN_MS = 5_000;
const PATIENCE_MS = 60_000;

/** Waits for a host that a run has lost. False when it does not return in a minute, or the campaign is stopped. */
export async function returns(
  { isThere, patienceMs = PATIENCE_MS }: Pick<Seat, 'isThere' | 'patienceMs'>,
  { signal, againMs = AGAIN_MS }: { readonly signal: AbortSignal; readonly againMs?: number },
): Promise<boolean> {
  if (isThere === undefined) return true;
  const untilMs = performance.now() + patienceMs;
  while (!signal.aborted) {
    if (await isThere()) return true;
    if (performance.now() + againMs > untilMs) return false;
    // An abort ends the pause and the loop.
    await sleep(againMs, undefined, { signal }).catch(() => undefined);
  }
  return false;
}
