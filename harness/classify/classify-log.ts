import type { RunEvent } from '../model/event.js';
import type { PhaseReached } from '../model/phase.js';
import { rungOf } from '../model/phase.js';
import { type LogBoot, type LogFacts, readLogFacts, signatureOf } from './log-boot.js';
import {
  announcedResetCheck,
  bootPanicCheck,
  dumpFailedCheck,
  dumpReportedCheck,
  goesOnCheck,
  livedOnCheck,
  logCapturePanicCheck,
  logNeverJumpedCheck,
  logNoCrashKernelCheck,
  purgatoryDigestCheck,
} from './log-checks.js';
import { type LogCheck, type LogFinding, undeterminedCheck } from './log-undetermined.js';
import { phasesOf } from './phases.js';

/** What a plain log shows of one crash. */
export interface LogVerdict {
  readonly finding: LogFinding;
  /** From the panic on; nobody saw what came before it, as in a run. */
  readonly phases: readonly PhaseReached[];
  readonly facts: LogFacts;
}

/** The order matters as in `classify()`: what shows most comes first, and what proves nothing last. */
const CHECKS: readonly LogCheck[] = [
  purgatoryDigestCheck,
  dumpReportedCheck,
  logCapturePanicCheck,
  dumpFailedCheck,
  goesOnCheck,
  bootPanicCheck,
  logNoCrashKernelCheck,
  announcedResetCheck,
  logNeverJumpedCheck,
  livedOnCheck,
  undeterminedCheck,
];

/**
 * Judges one boot of a plain log, with the checks of a run that need neither a plan nor a host. `captured` is never
 * given: only the dump proves it. Undefined: the boot shows no crash.
 */
export function classifyLog(boot: LogBoot): LogVerdict | undefined {
  const facts = readLogFacts(boot);
  for (const check of CHECKS) {
    const finding = check(facts);
    if (finding !== undefined) return { finding, phases: ladderOf(facts), facts };
  }
  return undefined;
}

/** The rungs from the panic on. Userspace of the capture kernel is shown by its init's start or by its messages. */
function ladderOf({ events }: LogFacts): PhaseReached[] {
  const shown = phasesOf(events, undefined).filter(({ phase }) => rungOf(phase) >= rungOf('panic-entered'));
  const userspace = userspaceOf(events);
  if (userspace === undefined || shown.some(({ phase }) => phase === 'capture-userspace')) return shown;
  return [...shown, { phase: 'capture-userspace', atMs: userspace.atMs, how: 'observed' }];
}

function userspaceOf(events: readonly RunEvent[]): RunEvent | undefined {
  return ['capture-init-started', 'dump-saved', 'dump-failed', 'vmcore-not-opened', 'dump-target-missing']
    .map((name) => signatureOf(events, name, 'capture'))
    .find((event) => event !== undefined);
}
