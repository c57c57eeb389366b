import type { Scenario } from './scenario.js';
import { type SourceSpec, sourceName } from './source.js';

/** A contradiction in a scenario's sources and proofs, as one sentence; undefined when there is none. */
export function contradictionInSources(
  { sources, prove }: Pick<Scenario, 'sources' | 'prove'>,
  cpus: number,
): string | undefined {
  for (const source of sources) {
    if ('cpu' in source && source.cpu >= cpus) {
      return `source "${sourceName(source)}": there is no vCPU ${source.cpu}: there are ${cpus}, counted from 0`;
    }
    if (source.atLeastPerSecond === undefined) continue;
    const rate = rateOf(source);
    if (rate === undefined) return `source "${sourceName(source)}" has no rate for atLeastPerSecond`;
    if (rate !== 'max' && source.atLeastPerSecond > rate) {
      return `source "${sourceName(source)}" has an atLeastPerSecond above its rate`;
    }
  }
  for (const proof of prove) {
    if ('lapic' in proof && proof.cpu >= cpus) {
      return `a proof looks at vCPU ${proof.cpu}: there are ${cpus}, counted from 0`;
    }
  }
  return undefined;
}

function rateOf(source: SourceSpec): number | 'max' | undefined {
  if ('pin' in source) return source.drive === 'held' ? undefined : source.drive.pulsesPerSecond;
  return source.perSecond === 'once' ? undefined : source.perSecond;
}
