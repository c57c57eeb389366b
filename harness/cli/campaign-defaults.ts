import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { RunPlan } from '../plan/run-plan.js';

/** How many guests run at a time when nothing is said: one for as many cores as the widest has vCPUs. */
export function defaultJobs(plans: readonly RunPlan[]): number {
  const widest = Math.max(1, ...plans.map((plan) => plan.machine.cpus));
  return Math.max(1, Math.floor(availableParallelism() / widest));
}

/** Sorts by time; the tail keeps two campaigns of one second apart. `kind` goes in between. */
export function freshCampaignName(now: Date, kind?: string): string {
  const digits = now.toISOString().replace(/[-:]/g, '').slice(0, 15).replace('T', '-');
  return [digits, kind, randomBytes(2).toString('hex')].filter((part) => part !== undefined).join('-');
}
