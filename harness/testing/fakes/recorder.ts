import { HOST_CLOCK } from '../../host/clock.js';
import type { Clock } from '../../machine/clock.js';
import type { HostFact, RunRecord } from '../../model/record.js';
import type { Recorder } from '../../store/recorder.js';

/** A recorder that keeps nothing. */
export function memoryRecorder(clock: Clock = HOST_CLOCK): Recorder {
  let seq = 0;
  const stamp = () => ({ seq: seq++, atMs: clock.nowMs() });
  return {
    nowMs: () => clock.nowMs(),
    chunk: (channel, bytes): RunRecord => ({ kind: 'chunk', channel, bytes, ...stamp() }),
    qmp: (direction, message) => ({ kind: 'qmp', line: 0, record: { ...stamp(), direction, message } }),
    sample: (text) => ({ kind: 'sample', line: 0, record: { ...stamp(), text } }),
    host: (fact: HostFact) => ({ kind: 'host', line: 0, record: { ...stamp(), ...fact } }),
    close: () => undefined,
  };
}
