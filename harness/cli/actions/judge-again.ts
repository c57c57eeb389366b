import { isDeepStrictEqual } from 'node:util';
import { EXIT } from '../../model/fault.js';
import { resultLine } from '../../report/terminal-table.js';
import { findRun } from '../../store/campaign-directory.js';
import { rejudge } from '../../store/rejudge.js';
import { readResult } from '../../store/run-directory.js';
import { say, wantsColor } from '../context.js';
import { exitCodeFor } from './exit-codes.js';
import { outDirectory } from '../directories.js';

/**
 * Judges a stored run again, prints the result and says on stderr how it stands to the stored one. Returns the exit
 * code.
 */
export async function judgeAgain(
  run: string,
  { out, json }: { out: string; json: boolean },
): Promise<number> {
  const directory = await findRun(run, outDirectory(out));
  const { result } = await rejudge(directory);
  process.stdout.write(
    json ? `${JSON.stringify(result)}\n` : `${resultLine(result, { color: wantsColor(process.stdout) })}\n`,
  );
  const stored = await readResult(directory);
  if (stored === undefined) {
    say('no verdict was stored: the run was cut off; this is what its recording says');
  } else if (!isDeepStrictEqual(stored, JSON.parse(JSON.stringify(result)))) {
    say(
      `the stored verdict differs: ${stored.verdict} (${stored.detail}); it was judged by another crashpath`,
    );
    return EXIT.unexpected;
  }
  return exitCodeFor([result]);
}
