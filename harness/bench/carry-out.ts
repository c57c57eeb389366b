import { complain } from '../cli/context.js';
import { guardStreams } from '../cli/streams.js';
import { EXIT, Fault } from '../model/fault.js';

/** Carries out a bench and sets the exit code; a fault is one line on stderr. Never rejects. */
export async function carryOut(name: string, bench: () => Promise<number>): Promise<void> {
  guardStreams();
  try {
    process.exitCode = await bench();
  } catch (error) {
    if (error instanceof Fault) {
      complain(`${name}: ${error.message}`);
      process.exitCode = error.kind === 'usage' ? EXIT.usage : EXIT.harness;
    } else {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stderr.write(`${name}: internal error: ${text}\n`);
      process.exitCode = EXIT.harness;
    }
  }
}
