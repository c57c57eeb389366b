import { messageOf, errnoOf, reasonFor } from '../model/errno.js';
import { EXIT } from '../model/fault.js';

/**
 * Handles errors of the output streams. A reader that exits early (`| head`) is no error: the command runs to its end and
 * keeps its exit code. Any other failure to print (a full disk behind `>`) ends crashpath with a harness error, because
 * its results are lost.
 */
export function guardStreams(): void {
  process.stderr.on('error', () => {
    // There is no stream left to report it on.
  });
  process.stdout.on('error', (error) => {
    if (errnoOf(error) === 'EPIPE') return;
    const why = reasonFor(errnoOf(error)) ?? messageOf(error);
    process.stderr.write(
      `crashpath: cannot write the results to "stdout": ${why}; make room or send it elsewhere\n`,
    );
    process.exit(EXIT.harness);
  });
}
