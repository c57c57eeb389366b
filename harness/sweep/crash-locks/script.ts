import type { z } from 'zod';
import { type Scenario, ScenarioSchema } from '../../plan/scenario.js';
import type { Step } from '../../trigger/choreography-steps.js';
import { APPROACHES, AT_TIMER, type Context, CONTEXT_WORDS, DEFAULT_CONTEXT } from './contexts.js';
import { SHOOTDOWN } from './locks.js';
import { PSTORE } from './pstore.js';

/** Who holds the lock: a CPU that the shootdown stops, or the CPU that panics. */
export const HOLDERS = ['another', 'itself'] as const;
export type Holder = (typeof HOLDERS)[number];

/** The CPU that holds locks, if the panicking one does not. */
export const OTHER_CPU = 1;

/** The axes of a sweep: in which context the CPU panics, how many CPUs the kernel runs on, and what keeps its log. */
export interface Setting {
  readonly context: Context;
  readonly cpus: number;
  /** Whether pstore keeps the kernel's log of a panic, in memory (ramoops). */
  readonly pstore?: boolean | undefined;
}

/** Milliseconds; a shootdown that nobody answers lasts one second, printing takes several on a busy host. */
export const WITHIN_MS = 120_000;

const EVIDENCE = [
  'LKML 2012-02-29, Zickus: [PATCH] x86, kdump: No need to disable ioapic in crash path: a lock whose owner was stopped',
];

/** The role of a CPU that does not panic. */
export function roleOf(cpu: number): string {
  return cpu === OTHER_CPU ? 'other' : `other-${cpu}`;
}

/**
 * Stops the other CPUs, all or those from one on, in timer interrupts. One that is stopped anywhere else, as when another
 * CPU runs alone, may hold a lock that its code takes with interrupts off.
 */
export function holdOthers({ cpus }: Setting, from = OTHER_CPU): Step[] {
  const others = Array.from({ length: Math.max(0, cpus - from) }, (_, index) => from + index);
  return others.flatMap((cpu): Step[] => [
    { hold: { as: roleOf(cpu), on: cpu, at: AT_TIMER } },
    { prove: { role: roleOf(cpu), interrupts: 'off' } },
  ]);
}

/**
 * Brings the crasher into panic(), the other CPUs being stopped; `owner`: what it does where it can become the owner of a
 * lock.
 */
export function intoPanic(
  setting: Setting,
  {
    others = holdOthers(setting),
    owner = [],
  }: { readonly others?: readonly Step[]; readonly owner?: readonly Step[] } = {},
): Step[] {
  const { first = [], toPlace, toPanic, untilOff } = APPROACHES[setting.context];
  const rest = untilOff === undefined ? [...owner, ...toPanic] : [...toPanic, ...untilOff, ...owner];
  return [...first, ...others, ...toPlace, ...rest];
}

/** The crasher, on its way through panic(), to where it is about to stop the other CPUs. */
export function toShootdown(): Step[] {
  return [{ run: { as: 'crasher', to: SHOOTDOWN, withinMs: WITHIN_MS } }];
}

/** It has sent the NMI, and waits for its effect. */
export function untilNmiIsSent(): Step[] {
  return [
    { run: { as: 'crasher', to: '__const_udelay', withinMs: WITHIN_MS } },
    { prove: { role: 'crasher', stackHas: SHOOTDOWN } },
  ];
}

/** Of a context and a rest: a sweep in a timer interrupt has names without its context. */
export function nameOf({ context }: Pick<Setting, 'context'>, rest: string): string {
  return `crash-locks-${context === DEFAULT_CONTEXT ? '' : `${context}-`}${rest}`;
}

/** A scenario of the sweep; `prepare`: steps of its own. */
export function scenario(
  name: string,
  {
    summary,
    setting: { context, cpus, pstore },
    where = `panic in ${CONTEXT_WORDS[context]}`,
  }: { summary: string; setting: Setting; where?: string },
  steps: readonly Step[],
  prepare: NonNullable<z.input<typeof ScenarioSchema>['prepare']> = [],
): Scenario {
  const { sysctl, stimulus } = APPROACHES[context];
  const first: Step[] = stimulus === undefined ? [] : [{ stimulate: { script: stimulus } }];
  return ScenarioSchema.parse({
    version: 1,
    name,
    summary: summaryText(summary, where),
    evidence: EVIDENCE,
    guest: { cpus, ...(pstore === true ? PSTORE.guest : {}) },
    prepare: [
      ...(sysctl === undefined ? [] : [{ write: sysctl }]),
      ...(pstore === true ? [PSTORE.prepare] : []),
      ...prepare,
    ],
    prove: [
      ...(sysctl === undefined ? [] : [{ read: { path: sysctl.path, equals: sysctl.value } }]),
      ...(pstore === true ? [PSTORE.prove] : []),
    ],
    // The question is where the crash path ends.
    vmcore: 'nonce',
    trigger: { kind: 'choreography', steps: [...first, ...steps] },
    expect: { verdict: 'captured' },
  });
}

/** A scenario's summary has 160 characters: what it is about may be longer than the context leaves. */
const MOST_SUMMARY = 160;

function summaryText(what: string, where: string): string {
  const room = MOST_SUMMARY - where.length - 2;
  return `${what.length > room ? `${what.slice(0, room - 3)}...` : what}; ${where}`;
}
