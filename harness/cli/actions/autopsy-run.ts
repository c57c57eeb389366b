import { EXIT } from '../../model/fault.js';
import { findRun } from '../../store/campaign-directory.js';
import { readRecording } from '../../store/read-recording.js';
import { readResult } from '../../store/run-directory.js';
import { complain } from '../context.js';
import { outDirectory } from '../directories.js';
import type { AutopsyOptions } from '../words/autopsy.js';
import { printAutopsy } from './autopsy-output.js';

/** Prints the autopsy that a stored run has recorded; exit code 2, with the reason, when it has none. */
export async function autopsyRun(run: string, { out, json }: AutopsyOptions): Promise<number> {
  const directory = await findRun(run, outDirectory(out));
  const facts = (await readRecording(directory)).flatMap((record) =>
    record.kind === 'host' ? [record.record] : [],
  );
  const fact = facts.findLast((candidate) => candidate.fact === 'autopsy');
  if (fact === undefined) {
    const verdict = (await readResult(directory))?.verdict;
    complain(`crashpath: run "${run}" has no autopsy: ${reason(verdict)}`);
    return EXIT.inconclusive;
  }
  await printAutopsy(fact.autopsy, { json });
  return EXIT.expected;
}

function reason(verdict: string | undefined): string {
  if (verdict === undefined) return 'it was cut off before its end; run it again';
  if (verdict === 'captured') return 'it was captured, and only the machine of a failed capture is examined';
  return `its verdict is ${verdict}, and no machine was left to examine, or a crashpath without autopsies made it; crashpath show has what it recorded`;
}
