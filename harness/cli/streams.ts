import { messageOf, errnoOf, reasonFor } from '../model/errno.js';
import { EXIT } from '../model/fault.js';

/**
 * Makes output errors behave. A reader that leaves early (`| head`) is no error: what is being done goes on to its
 * end, with its true exit code, unread. Any other failure to print (a full disk behind `>`) ends crashpath as a
 * harness error, because a result that nobody gets is none.
 */
export function guardStreams(): void {
  process.stderr.on('error', () => {
    // There is no place left to complain to.
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
