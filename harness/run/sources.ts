import type { FrameSourceSpec } from '../model/frame-source.js';
import { frameSource } from '../source/frame-source.js';
import type { Source } from '../source/source.js';
import type { GuestNetwork } from './network.js';
import type { RunWatch } from './run-watch.js';

/** Starts the scenario's sources and records it. They go on through the crash until `stop`, which says what they did. */
export async function startSources(
  sources: readonly FrameSourceSpec[],
  { network, watch }: { network: GuestNetwork | undefined; watch: RunWatch },
): Promise<{ stop(): Promise<void> }> {
  const running: Source[] = [];
  const tell = (source: Source, state: 'started' | 'stopped') => {
    const { count, forMs } = source.tally();
    watch.fact({ fact: 'source', source: source.name, state, count, forMs });
  };
  for (const spec of sources) {
    const link = await network?.frames();
    if (link === undefined) throw new Error('frames without a card: the plan should have been refused');
    const source = frameSource(spec, link);
    await source.start();
    running.push(source);
    tell(source, 'started');
  }
  return {
    async stop() {
      for (const source of running) {
        await source.stop();
        tell(source, 'stopped');
      }
    },
  };
}
