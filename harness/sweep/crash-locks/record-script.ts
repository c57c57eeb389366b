import type { Scenario } from '../../plan/scenario.js';
import type { Location, Step } from '../../trigger/choreography-steps.js';
import { type AtomicPlace, placeName } from './atomics.js';
import { type Context, CONTEXTS } from './contexts.js';
import { ROUNDS } from './lock-functions.js';
import { SHOOTDOWN } from './locks.js';
import { intoPanic, nameOf, scenario, type Setting, WITHIN_MS } from './script.js';

/** Records the locks that one group of functions takes on the crash path. `round` counts from 0. */
export function recordScenario(round: number, setting: Setting): Scenario {
  const functions = ROUNDS[round];
  if (functions === undefined) throw new RangeError(`no round ${round} of ${ROUNDS.length}`);
  const at = functions.map(({ name }) => name);
  const summary = `records ${at.join(', ')} from panic() to the jump`;
  return recording(recordName(round, setting), { summary, setting }, at);
}

/** Records places of the crash path, up to the shootdown and from there to the jump. */
function recording(
  name: string,
  head: { readonly summary: string; readonly setting: Setting },
  at: Location[],
): Scenario {
  const record = (to: Location): Step => ({
    record: { role: 'crasher', at, to, missing: 'skip', most: 20_000, withinMs: WITHIN_MS },
  });
  return scenario(name, head, [
    ...intoPanic(head.setting),
    record(SHOOTDOWN),
    record('machine_kexec'),
    { release: 'all' },
  ]);
}

/** Finds the locked instructions of the crash path. */
export function findScenario(functions: readonly string[], setting: Setting): Scenario {
  const summary = 'finds the locked instructions of the crash path';
  return scenario(findName(setting), { summary, setting }, [
    ...intoPanic(setting),
    { find: { lockedIn: [...functions], calledToo: true } },
    { release: 'all' },
  ]);
}

export function findName(setting: Pick<Setting, 'context'>): string {
  return nameOf(setting, 'find');
}

/** Records what locked instructions do to their words on the crash path. `round` counts from 0. */
export function atomicsScenario(round: number, places: readonly AtomicPlace[], setting: Setting): Scenario {
  const at = places.map((place): Location => ({ in: place.in, offset: place.offset }));
  const summary = `records ${places.map(placeName).join(', ')}`;
  return recording(atomicsName(round, setting), { summary, setting }, at);
}

export function atomicsName(round: number, setting: Pick<Setting, 'context'>): string {
  return nameOf(setting, `atomics-${round + 1}`);
}

/**
 * The scenario from which a sweep's guests are planned. It needs no other CPU, so that the choice of `cpus` may still be
 * overridden by a machine.
 */
export function firstLockScenario({ cpus, ...setting }: Setting): Scenario {
  const first = recordScenario(0, { ...setting, cpus: 1 });
  return { ...first, guest: { ...first.guest, cpus } };
}

export function recordName(round: number, setting: Pick<Setting, 'context'>): string {
  return nameOf(setting, `record-${round + 1}`);
}

/** The context of a sweep by the name of the scenario from which it was planned; undefined for any other scenario. */
export function contextOf(name: string): Context | undefined {
  return CONTEXTS.find((context) => name === recordName(0, { context }));
}
