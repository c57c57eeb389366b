import { contextOf } from './crash-locks/record-script.js';
import type { SweepName } from './map.js';
import { pointOf } from './script.js';

/** The sweep that is begun with a plan of this scenario, by its name; undefined for any other scenario. Pure. */
export function sweepOf(scenario: string): SweepName | undefined {
  if (contextOf(scenario) !== undefined) return 'crash-locks';
  return pointOf(scenario) === 0 ? 'nmi-transition' : undefined;
}
