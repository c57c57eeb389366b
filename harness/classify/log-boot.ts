import type { EventOf, RunEvent } from '../model/event.js';
import { isAtLeast, leadingVersion } from '../model/version.js';
import { type EventFacts, readEventFacts } from './facts.js';

/** One boot of a plain log: what it shows, without anything that only a host knows. */
export interface LogBoot {
  /** Of the first kernel, and of the capture kernel behind it, in the log's order. */
  readonly events: readonly RunEvent[];
  /**
   * The kernel that the boot begins with: `first` has a command line without elfcorehdr=, `capture` one with it;
   * `unknown`: the log does not show it.
   */
  readonly kernel: 'first' | 'capture' | 'unknown';
  /** What the log shows behind it: a further boot, a kernel without a command line, or its own end. */
  readonly follows: 'boot' | 'unknown-boot' | 'nothing';
  /** The first kernel printed further lines behind its panic, or its last oops, which a dead kernel does not. */
  readonly goesOn?: GoesOn | undefined;
  /** The same of the capture kernel behind its panic. */
  readonly captureGoesOn?: GoesOn | undefined;
}

/** How a log goes on behind a kernel's end. */
export interface GoesOn {
  /** `later`: the same clock, so much later that the end was none; `back`: a clock that went back without a banner. */
  readonly how: 'later' | 'back';
  /** Line of the log, counted from 1. */
  readonly line: number;
  /** The clock of the end that was none, milliseconds since the kernel's boot. */
  readonly endMs: number;
}

/** The facts of a log's boot, for the checks that need no host. */
export interface LogFacts extends EventFacts {
  readonly boot: LogBoot;
  /** The line of the crash's report that shows whether a crash kernel was loaded. */
  readonly loadedBy: EventOf<'signature'> | undefined;
}

/** "Kdump: loaded" in reports (lib/dump_stack.c, dump_stack_print_info()). */
const SAYS_LOADED = { major: 4, minor: 17 } as const;

/** Reads the facts of a boot. */
export function readLogFacts(boot: LogBoot): LogFacts {
  const loadedBy = loadedLine(boot);
  const loaded = loadedBy === undefined ? undefined : loadedBy.name === 'crash-kernel-loaded';
  return { ...readEventFacts(boot.events, { loaded }), boot, loadedBy };
}

/** A signature of the given kernel; undefined without. */
export function signatureOf(
  events: readonly RunEvent[],
  name: string,
  side?: 'production' | 'capture',
): EventOf<'signature'> | undefined {
  return events.find(
    (event): event is EventOf<'signature'> =>
      event.type === 'signature' && event.name === name && (side === undefined || event.side === side),
  );
}

/** A report is no longer than this, lines: an older one belongs to something else. */
const MOST_REPORT_LINES = 400;

/**
 * The line that shows whether the report of the crash says "Kdump: loaded". Only the first kernel can say it. A kernel that does not say it
 * has no crash kernel when it is the first one and new enough: a capture kernel has none either.
 */
function loadedLine({ events, kernel }: LogBoot): EventOf<'signature'> | undefined {
  const panic = events.findIndex((event) => event.type === 'panic' && event.side === 'production');
  const reports = events.flatMap((event, index) => (isReport(event) ? [index] : []));
  // A panic has no report of its own when an oops, or a watchdog's, came right before it.
  const at = panic < 0 ? (reports.at(-1) ?? -1) : panic;
  const end = events[at];
  if (end === undefined) return undefined;
  const from = reports.find((index) => (events[index]?.atMs ?? 0) >= end.atMs - MOST_REPORT_LINES) ?? at;
  const lines = events
    .slice(Math.min(from, at))
    .filter(
      (event): event is EventOf<'signature'> => event.type === 'signature' && event.side === 'production',
    );
  const loaded = lines.find(({ name }) => name === 'crash-kernel-loaded');
  if (loaded !== undefined) return loaded;
  const missing = lines.findLast(({ name }) => name === 'crash-kernel-missing');
  const release = missing === undefined ? undefined : / (\d{1,9}\.\d{1,9})\S{0,127}$/.exec(missing.text)?.[1];
  const version = release === undefined ? undefined : leadingVersion(release);
  if (version === undefined || !isAtLeast(version, SAYS_LOADED)) return undefined;
  return kernel === 'first' ? missing : undefined;
}

/** What begins a report of a kernel's end. */
function isReport(event: RunEvent): boolean {
  return event.type === 'oops' || (event.type === 'signature' && event.name === 'first-kernel-lockup');
}
