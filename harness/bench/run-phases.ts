import { atMsOf, type HostFact, type RunRecord } from '../model/record.js';

/** A part of a run, milliseconds. */
export interface Phase {
  readonly what: string;
  readonly ms: number;
}

/** The process of a run around its recording, milliseconds: from its start to the first record, and after the last. */
export interface Around {
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** A run on QEMU taken apart, in order; parts that it lacks are left out. Pure. */
export function phasesOf(records: readonly RunRecord[], { beforeMs, afterMs }: Around): Phase[] {
  const marks: readonly (readonly [string, RunRecord | undefined])[] = [
    ["start of node, modules, plan, image, until QEMU's process", records.find(isFact('qemu-started'))],
    ["QEMU's process, until its monitor", records.find(({ kind }) => kind === 'qmp')],
    [
      'the guest, until its end',
      records.find(isShutdown) ?? records.findLast(({ kind }) => kind === 'chunk'),
    ],
    ['last bytes, memory compared', records.find(isFact('memory-compared'))],
    ["proof of an end without shutdown, last sample, until QEMU's end", records.find(isFact('qemu-exit'))],
    ['until the recording is closed', records.at(-1)],
  ];
  let fromMs = -beforeMs;
  const phases: Phase[] = [];
  for (const [what, record] of marks) {
    if (record === undefined) continue;
    phases.push({ what, ms: atMsOf(record) - fromMs });
    fromMs = atMsOf(record);
  }
  phases.push({ what: 'verdict, timeline, report, until the exit', ms: afterMs });
  const summed = records.find(isFact('memory-at-jump'));
  if (summed?.kind === 'host' && summed.record.fact === 'memory-at-jump')
    phases.push({ what: "memory summed at the jump, of the guest's time", ms: summed.record.tookMs });
  return phases;
}

function isFact(fact: HostFact['fact']): (record: RunRecord) => boolean {
  return (record) => record.kind === 'host' && record.record.fact === fact;
}

function isShutdown(record: RunRecord): boolean {
  return record.kind === 'qmp' && record.record.message['event'] === 'SHUTDOWN';
}
