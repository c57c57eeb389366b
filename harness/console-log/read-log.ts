import { classifyLog, type LogVerdict } from '../classify/classify-log.js';
import { evidenceOf } from '../classify/evidence.js';
import { readLogFacts } from '../classify/log-boot.js';
import { type CauseName, type KnownCause, knownCauses } from '../classify/known-causes.js';
import type { PlacedCpuStack } from '../classify/stack-causes.js';
import { escapeGuestText } from '../model/escape.js';
import type { RunEvent } from '../model/event.js';
import type { ReadBoot } from './boot.js';
import { functionsOf } from '../timeline/cpu-stacks.js';
import { cleanLine } from './clean-line.js';
import type { LogCrash, LogReport, ShownCause, ShownLine, UnarmedBoot } from './log-report.js';
import { MOST_CRASHES } from './log-report.js';
import { nextSteps } from './next-steps.js';
import { createLineNumberer, type NumberedLine } from './numbered-lines.js';
import { createBootSplitter } from './split-boots.js';

/** Reads a log as it comes. */
export interface LogReader {
  push(bytes: Buffer): void;
  finish(): LogReport;
}

/** Stacks of a crash that are shown: a machine has many CPUs. */
const MOST_STACKS_SHOWN = 64;
/** Causes that matter without a crash as well. */
const ARMING: ReadonlySet<CauseName> = new Set([
  'kexec-locked-down',
  'crashkernel-not-reserved',
  'kdump-not-armed',
]);
const MOST_EVIDENCE = 12;
const MOST_TEXT = 240;

/**
 * A reader for the log of that name; `file`: where a command finds it again. Pure; memory is bounded, whatever the log
 * holds.
 */
export function createLogReader(log: string, file?: string): LogReader {
  const numberer = createLineNumberer();
  const crashes: LogCrash[] = [];
  const unarmed: UnarmedBoot[] = [];
  let moreCrashes = 0;
  let boots = 0;
  let kernelLines = 0;
  let bytes = 0;

  const splitter = createBootSplitter((boot) => {
    boots = boot.number;
    kernelLines += boot.kernelLines;
    const verdict = classifyLog(boot);
    if (verdict === undefined) {
      const causes = knownCauses({ facts: readLogFacts(boot), stacks: [], word: undefined }).filter(
        ({ name }) => ARMING.has(name),
      );
      if (causes.length > 0 && unarmed.length < MOST_CRASHES)
        unarmed.push({
          boot: boot.number,
          release: boot.release,
          causes: causes.map((cause) => shownCause(cause, boot)),
        });
      return;
    }
    if (crashes.length < MOST_CRASHES) crashes.push(crashOf(boot, verdict, file));
    else moreCrashes += 1;
  });

  function push({ text, number, offset }: NumberedLine): void {
    const { text: cleaned, stampMs, isTagged } = cleanLine(text);
    // A copy of all fields one by one: the hot path of a large log.
    if (!isBlank(cleaned))
      splitter.push({ text: cleaned, stampMs, isTagged, number, offset, length: text.length });
  }

  return {
    push(chunk) {
      bytes += chunk.length;
      numberer.push(chunk, push);
    },
    finish() {
      numberer.flush(push);
      splitter.finish();
      return { log, bytes, lines: numberer.lines, boots, crashes, moreCrashes, unarmed, kernelLines };
    },
  };
}

const SPACE = 0x20;

function isBlank(text: string): boolean {
  return !(text.charCodeAt(0) > SPACE) && text.trim() === '';
}

function crashOf(boot: ReadBoot, { finding, phases, facts }: LogVerdict, file: string | undefined): LogCrash {
  const stacks = stacksOf(boot);
  const causes = knownCauses({ facts, stacks, word: finding.word });
  const message =
    facts.panic?.message ??
    boot.events.flatMap((event) => (event.type === 'oops' ? [event.message] : [])).at(-1) ??
    boot.events
      .flatMap((event) =>
        event.type === 'signature' && event.name === 'first-kernel-lockup' ? [event.text] : [],
      )
      .at(-1) ??
    '';
  const evidence = finding.evidence.filter((event) => event !== undefined);
  return {
    boot: boot.number,
    release: boot.release,
    kernel: boot.kernel,
    lines: boot.lines,
    loaded: facts.loaded,
    verdict: finding.word,
    detail: finding.detail,
    explanation: finding.explanation,
    toDecide: 'toDecide' in finding ? finding.toDecide : [],
    phases: phases.map(({ phase, how, atMs }) => ({ phase, how, line: atMs })),
    evidence: [...new Set(evidence)]
      .toSorted((one, other) => one.atMs - other.atMs)
      .slice(0, MOST_EVIDENCE)
      .map((event) => shown(event, boot)),
    stacks: stacks.map(({ at, ...stack }) => ({ line: at, ...stack })),
    causes: causes.map((cause) => shownCause(cause, boot)),
    next: nextSteps({
      finding,
      causes: causes.map(({ name }) => name),
      message,
      release: boot.release,
      commandLine: boot.commandLine,
      captureCommandLine: boot.captureCommandLine,
      stacksIn: new Set(stacks.map(({ cpu }) => cpu)).size > 1 ? file : undefined,
    }),
  };
}

function shownCause({ shownBy, ...cause }: KnownCause, boot: ReadBoot): ShownCause {
  return 'type' in shownBy
    ? { ...cause, line: shownBy.atMs, text: shown(shownBy, boot).text }
    : { ...cause, line: shownBy.at, text: `stack: ${functionsOf(shownBy).slice(0, 6).join(' < ')}` };
}

function shown(event: RunEvent, { textOf }: ReadBoot): ShownLine {
  const { what, excerpt } = evidenceOf(event);
  const text = textOf(event);
  return {
    line: event.atMs,
    what: event.type === 'signature' ? event.name : what,
    text: text === '' ? excerpt : escapeGuestText(text.trim(), MOST_TEXT),
  };
}

/** The stacks of the crash: from its first report on. */
function stacksOf({ events, stacks }: ReadBoot): PlacedCpuStack[] {
  const panic = events.find((event) => event.type === 'panic');
  const reports = events.filter(
    (event) =>
      event.type === 'oops' ||
      event.type === 'panic' ||
      (event.type === 'signature' && event.name === 'first-kernel-lockup'),
  );
  // A panic's own report may have begun with an oops or a watchdog's.
  const before = reports.filter((event) => panic === undefined || event.atMs <= panic.atMs).slice(-3);
  const from = before[0]?.atMs ?? reports[0]?.atMs ?? 0;
  return stacks.filter(({ at }) => at >= from).slice(0, MOST_STACKS_SHOWN);
}
