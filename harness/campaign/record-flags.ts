import type { LockedFact } from '../model/locked-instructions.js';
import { readFacts } from '../store/read-recording.js';
import { atomicRounds, placeName } from '../sweep/crash-locks/atomics.js';
import { type CrashFlags, crashFlags } from '../sweep/crash-locks/flags.js';
import type { Recording } from '../sweep/crash-locks/locks.js';
import type { LockMap } from '../sweep/crash-locks/map.js';
import { pathFunctions } from '../sweep/crash-locks/path-functions.js';
import { CRASHER_CPU } from '../sweep/crash-locks/contexts.js';
import { atomicsScenario, findScenario } from '../sweep/crash-locks/record-script.js';
import { type Setting } from '../sweep/crash-locks/script.js';
import { type RecordedRounds, recordRounds, runRounds, whyUnrecorded } from './record-rounds.js';
import type { SweepRunOptions, SweepRuns } from './sweep-runs.js';

/** The flags of a crash path, and what is not known of its instructions. */
export interface RecordedFlags extends CrashFlags, Pick<RecordedRounds, 'controls' | 'unrecorded'> {
  readonly unseen: NonNullable<LockMap['unseen']>;
}

/**
 * Finds the locked instructions of the functions that recordings of lock functions have shown on the crash path, and
 * records what each of them does there to its word.
 */
export async function recordFlags(
  runs: SweepRuns,
  lockRecordings: readonly Recording[],
  { setting, ...options }: SweepRunOptions & { readonly setting: Setting },
): Promise<RecordedFlags> {
  const scenario = findScenario(pathFunctions(lockRecordings), setting);
  await runRounds(runs, [{ scenario }], options);
  const result = runs.lastOf(scenario.name);
  const located = result === undefined ? undefined : (await readFacts(result.directory, 'locked')).at(-1);
  if (result === undefined || located === undefined) {
    const unrecorded = [{ functions: ['locked instructions'], why: whyUnrecorded(result) }];
    return { flags: [], atomics: [], controls: [], unrecorded, unseen: [] };
  }
  const rounds = atomicRounds(located).map((places, round) => ({
    scenario: atomicsScenario(round, places, setting),
    of: places.map(placeName),
  }));
  const { recordings, controls, unrecorded } = await recordRounds(runs, rounds, options);
  return {
    ...crashFlags(located, { recordings, crasher: CRASHER_CPU }),
    controls: [{ verdict: result.verdict, runId: result.runId }, ...controls],
    unrecorded,
    unseen: unseenOf(located),
  };
}

function unseenOf({ functions, missing }: LockedFact): RecordedFlags['unseen'] {
  const undecodable = functions.flatMap(({ function: name, undecodable: bytes }) =>
    bytes === 0 ? [] : [{ function: name, why: `${bytes} bytes of it are no instructions` }],
  );
  return [...missing, ...undecodable];
}
