import { isDeepStrictEqual } from 'node:util';
import { EXIT } from '../../model/fault.js';
import { resultLine } from '../../report/terminal-table.js';
import { findRun } from '../../store/campaign-directory.js';
import { rejudge } from '../../store/rejudge.js';
import { readResult, whyNoResult } from '../../store/run-directory.js';
import { say, wantsColor } from '../context.js';
import type { StoredRunOptions } from '../words/stored-run.js';
import { exitCodeFor } from './exit-codes.js';
import { outDirectory } from '../directories.js';

/**
 * Judges a stored run again, prints the result, and on stderr whether the stored result differs. Returns the exit code.
 */
export async function judgeAgain({ run, out, json }: StoredRunOptions): Promise<number> {
  const directory = await findRun(run, outDirectory(out));
  const { result } = await rejudge(directory);
  process.stdout.write(
    json ? `${JSON.stringify(result)}\n` : `${resultLine(result, { color: wantsColor(process.stdout) })}\n`,
  );
  const stored = await readResult(directory);
  if (stored === undefined) {
    say(`no verdict was stored: ${await whyNoResult(directory)}; this verdict is from its recording`);
  } else if (!isDeepStrictEqual(stored, JSON.parse(JSON.stringify(result)))) {
    say(
      `the stored verdict differs: ${stored.verdict} (${stored.detail}); another version of crashpath judged it`,
    );
    return EXIT.unexpected;
  }
  return exitCodeFor([result]);
}
