import type { NightRecord } from '../night/night-record.js';

/** The expected length of a night's screening and controls, milliseconds; undefined when nothing like it has run. */
export function expectedNightMs(
  { arms, controls }: NightRecord,
  { durations, jobs }: { durations: ReadonlyMap<string, number>; jobs: number },
): number | undefined {
  const runs = [
    ...arms.flatMap((arm) => Array.from({ length: arm.trials }, () => arm.plan.scenario.name)),
    ...controls.flatMap(({ arm }) => {
      const name = arms.find(({ id }) => id === arm)?.plan.scenario.name;
      return name === undefined ? [] : [name, name];
    }),
  ];
  const known = [...durations.values()];
  if (known.length === 0) return undefined;
  const mean = known.reduce((sum, ms) => sum + ms, 0) / known.length;
  return runs.reduce((sum, name) => sum + (durations.get(name) ?? mean), 0) / Math.max(1, jobs);
}
