import type { RunEvent } from '../model/event.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { Verdict } from '../model/verdict.js';
import { unfinishedCheck } from './unfinished-check.js';
import { bootCheck } from './boot-check.js';
import { captureCheck, vmcoreCheck } from './capture-check.js';
import { captureProofCheck } from './capture-proof-check.js';
import { capturePanicCheck } from './capture-panic-check.js';
import { givenUpCheck, noCrashKernelCheck, noPanicCheck, stuckCheck } from './end-checks.js';
import { crashReports } from './crash-reports.js';
import { emulatorCheck } from './emulator-check.js';
import { evidenceOf } from './evidence.js';
import { type Check, type Finding, readFacts } from './facts.js';
import { harnessCheck } from './harness-check.js';
import { factsOf, phasesOf } from './phases.js';
import { lastPlaces } from './last-places.js';
import { neverPanickedCheck } from './never-panicked-check.js';
import { preconditionCheck } from './precondition-check.js';
import { resetCheck } from './reset-check.js';
import { noSavedDumpCheck, openedDump, savedDumpCheck } from './saved-dump-check.js';
import { scriptCheck } from './script-check.js';
import { standingEvents } from './standing.js';
import { suspicionCheck } from './suspicion-check.js';

/**
 * The order matters: first whether the run shows anything at all (harness, emulator, boot, preconditions), then the
 * proof of capture, then the failures from the most to the least specific.
 */
const CHECKS: readonly Check[] = [
  harnessCheck,
  emulatorCheck,
  givenUpCheck,
  bootCheck,
  preconditionCheck,
  scriptCheck,
  captureProofCheck,
  captureCheck,
  savedDumpCheck,
  neverPanickedCheck,
  vmcoreCheck,
  capturePanicCheck,
  noCrashKernelCheck,
  noSavedDumpCheck,
  resetCheck,
  noPanicCheck,
  suspicionCheck,
  unfinishedCheck,
  stuckCheck,
];

const UNDECIDED: Finding = {
  word: 'harness-error',
  detail: 'undecided',
  explanation: 'the recording ends without anything that decides the run: crashpath stopped it too early',
  evidence: [],
};

/** Judges a run from its events and its plan alone. Pure: a stored run always gets the same verdict again. */
export function classify(recorded: readonly RunEvent[], plan: RunPlan): Verdict {
  const events = standingEvents(recorded);
  const facts = readFacts(events, plan);
  let finding = UNDECIDED;
  for (const check of CHECKS) {
    const found = check(facts);
    if (found !== undefined) {
      finding = found;
      break;
    }
  }
  const phases = phasesOf(events, facts.verified ?? openedDump(facts));
  // Every verdict that rests on the proofs about the state cites them.
  const places = lastPlaces(finding.word, events);
  const reports = crashReports(finding.word, events);
  const cited = [
    ...new Set([
      ...finding.evidence.filter((event) => event !== undefined),
      ...reports.evidence,
      ...places.evidence,
      // The reader must know what is not there.
      ...events.filter(({ type }) => type === 'folded'),
    ]),
  ];
  // What a script has set, or made a vCPU take, belongs to the state as much as what it proved.
  const made = [...factsOf(events, 'set'), ...factsOf(events, 'called')];
  const state = [...factsOf(events, 'proof'), ...made].toSorted((a, b) => a.atMs - b.atMs);
  const proofs = state.filter((event) => !cited.includes(event));
  const shared = {
    detail: finding.detail,
    explanation: `${finding.explanation}${places.text}${reports.text}`,
    lastPhase: phases.at(-1)?.phase,
    phases,
    evidence: [...proofs, ...cited].map(evidenceOf),
  };
  if (finding.word === 'captured') {
    const degradedBy = finding.degradedBy ?? [];
    return {
      word: 'captured',
      quality: degradedBy.length === 0 ? 'clean' : 'degraded',
      degradedBy,
      undecided: finding.undecided ?? [],
      ...shared,
    };
  }
  return { word: finding.word, ...shared };
}
