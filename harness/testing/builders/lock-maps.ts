import type { LockMap, MappedLock } from '../../sweep/crash-locks/map.js';

/** A complete map of these locks, of a kernel that captures. */
export function madeLockMap(locks: readonly MappedLock[], given: Partial<LockMap> = {}): LockMap {
  return {
    schema: 1,
    sweep: 'crash-locks',
    kernel: { spec: 'debian:6.1', release: '6.1.0-56-amd64', captureRelease: '6.1.0-56-amd64' },
    cpus: 2,
    accel: 'tcg',
    context: 'hardirq',
    append: '',
    runs: 16,
    complete: true,
    controls: [{ verdict: 'captured', runId: 'a-record-1' }],
    missing: [],
    unrecorded: [],
    locks,
    ...given,
  };
}
