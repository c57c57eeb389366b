import type { GoesOn, LogBoot } from '../classify/log-boot.js';
import type { EventBody, EventType, RunEvent } from '../model/event.js';
import { createConsoleReader } from '../timeline/console.js';
import { createStackReader, type PlacedStack } from '../timeline/cpu-stacks.js';
import { LOG_SIGNATURES } from '../timeline/log-signatures.js';
import type { CleanLine } from './clean-line.js';

/** A cleaned line and its place in the log. */
export interface PlacedLine extends CleanLine {
  /** Counted from 1. */
  readonly number: number;
  readonly offset: number;
  /** Bytes in the log. */
  readonly length: number;
}

/** One boot of a log, read to its end. */
export interface ReadBoot extends LogBoot {
  /** Counted from 1. */
  readonly number: number;
  /** As its banner says, or a report of it; undefined when the log shows neither. */
  readonly release: string | undefined;
  readonly commandLine: string | undefined;
  readonly captureCommandLine: string | undefined;
  /** First and last line. */
  readonly lines: { readonly first: number; readonly last: number };
  /** Lines that a kernel printed, by their stamp, their tag or their text. */
  readonly kernelLines: number;
  readonly stacks: readonly PlacedStack<number>[];
  /** The text of an event's line, cut. */
  readonly textOf: (event: RunEvent) => string;
}

/** Collects one boot. */
export interface BootBuilder {
  line(line: PlacedLine): void;
  /** A kernel's command line was read: the capture kernel's when it has elfcorehdr=. */
  commandLine(text: string, isCapture: boolean): void;
  readonly number: number;
  readonly hasCapture: boolean;
  /** No line of a kernel was read yet. */
  readonly isEmpty: boolean;
  readonly lastCommandLine: string | undefined;
  /** It is so early, and its last line so plainly the kernel's, that a second banner is the same one, printed again. */
  readonly mayReplay: boolean;
  /** What follows it is known: the boot is over. `at`: the line that shows the next first kernel. */
  end(follows: LogBoot['follows'], at?: PlacedLine): ReadBoot;
}

/** Events of one kind that are kept of a boot; a hostile log holds any number. */
const MOST_OF_A_KIND = 200;
/** Of these the newest are kept, of others the oldest: they belong to the last report. */
const NEWEST: ReadonlySet<string> = new Set([
  'oops',
  'crash-kernel-loaded',
  'crash-kernel-missing',
  'first-kernel-lockup',
]);
const MOST_TEXT = 400;

/** A kernel that prints so much later than its panic did not die of it. Other CPUs complain for a while. */
const LATER_THAN_PANIC_MS = 60_000;
/** The report of an oops takes less, also at 9,600 baud. */
const LATER_THAN_OOPS_MS = 10_000;
/** Lines of CPUs that print at once are out of order by less. */
const BACK_MS = 1_000;
/** A console is registered by then, and what was printed before is printed on it. */
const REPLAY_MS = 10_000;
/** Lines of a kernel before its banner. */
const MOST_BEFORE_BANNER = 5;
/** What follows a watchdog's report is a part of it. */
const COMPLAINT_MS = 3_000;

/** A builder for boot `number`. `kernel`: what it begins with. */
export function createBootBuilder(number: number, kernel: LogBoot['kernel']): BootBuilder {
  const reader = createConsoleReader(kernel === 'capture' ? 'capture' : 'production', {
    further: LOG_SIGNATURES,
  });
  const stacks = createStackReader<number>();
  const kept: RunEvent[] = [];
  const counts = new Map<string, number>();
  const texts = new WeakMap<RunEvent, string>();
  const first = createEndWatch({ panicMs: LATER_THAN_PANIC_MS, oopsMs: LATER_THAN_OOPS_MS });
  const capture = createEndWatch({
    panicMs: LATER_THAN_PANIC_MS,
    oopsMs: undefined,
    // The end of the crashed kernel's log, printed by the capture kernel's userspace.
    isQuoted: (stampMs) => first.panicMs === stampMs,
  });
  let release: string | undefined;
  let reported: string | undefined;
  let own: string | undefined;
  let captureOwn: string | undefined;
  let firstLine = 0;
  let lastLine = 0;
  let lastStampMs: number | undefined;
  let hasDied = false;
  let hasNext = false;
  let kernelLines = 0;
  let isCapture = kernel === 'capture';

  function keep(event: RunEvent, text: string): void {
    const kind = event.type === 'signature' ? `${event.name} ${event.side}` : event.type;
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    if (count > MOST_OF_A_KIND) {
      const name = event.type === 'signature' ? event.name : event.type;
      if (!NEWEST.has(name)) return;
      const oldest = kept.findIndex((other) => isSameKind(other, event));
      kept.splice(oldest, 1);
    }
    texts.set(event, text.slice(0, MOST_TEXT));
    kept.push(event);
  }

  /** The next kernel may print a few lines before its banner (microcode, arm64's first line). */
  function behindEnd(goesOn: GoesOn | undefined): GoesOn | undefined {
    return goesOn?.how === 'back' && hasNext && lastLine - goesOn.line < MOST_BEFORE_BANNER
      ? undefined
      : goesOn;
  }

  return {
    number,
    get hasCapture() {
      return captureOwn !== undefined;
    },
    get isEmpty() {
      return kernelLines === 0;
    },
    get lastCommandLine() {
      return captureOwn ?? own;
    },
    get mayReplay() {
      return !hasDied && lastStampMs !== undefined && lastStampMs < REPLAY_MS;
    },
    commandLine(text, ofCapture) {
      hasDied = false;
      if (ofCapture) {
        captureOwn = text;
        isCapture = true;
      } else own ??= text;
    },
    line(line) {
      if (firstLine === 0) firstLine = line.number;
      lastLine = line.number;
      lastStampMs = line.stampMs;
      const bodies = reader.line(line.text);
      if (line.stampMs !== undefined || line.isTagged || bodies.length > 0) kernelLines += 1;
      stacks.line(line.text, line.number);
      const watch = isCapture ? capture : first;
      for (const body of bodies) {
        hasDied ||= body.type === 'panic' || body.type === 'oops';
        if (body.type === 'kernel-banner') release ??= body.release;
        if (body.type === 'signature') reported = releaseIn(body.text) ?? reported;
        keep(placed(body, line), line.text);
      }
      watch.line(line, bodies);
    },
    end(follows, at) {
      hasNext = follows !== 'nothing';
      if (at !== undefined) keep(placed({ type: 'reboot-command-line' }, at), at.text);
      return {
        number,
        kernel,
        follows,
        events: kept,
        goesOn: behindEnd(first.goesOn),
        captureGoesOn: behindEnd(capture.goesOn),
        release: release ?? reported,
        commandLine: own,
        captureCommandLine: captureOwn,
        lines: { first: firstLine, last: lastLine },
        kernelLines,
        stacks: stacks.stacks(),
        textOf: (event) => texts.get(event) ?? '',
      };
    },
  };
}

/** A log has no clock that events could be timed by: the number of the line stands for the time. */
function placed(body: EventBody, { number, offset, length }: PlacedLine): RunEvent {
  return { atMs: number, at: { source: 'console', offset, length }, ...body };
}

function isSameKind(one: RunEvent, other: RunEvent): boolean {
  if (one.type !== 'signature' || other.type !== 'signature') return one.type === other.type;
  return one.name === other.name && one.side === other.side;
}

/** The release at the end of a CPU's line (lib/dump_stack.c, dump_stack_print_info(), v6.1). */
function releaseIn(text: string): string | undefined {
  return / PID: \d+ Comm: .{0,400} (\d{1,9}\.\d{1,9}\S{0,127})$/.exec(text)?.[1];
}

interface EndWatch {
  line(line: PlacedLine, bodies: readonly EventBody[]): void;
  readonly goesOn: GoesOn | undefined;
  /** The stamp of the first panic. */
  readonly panicMs: number | undefined;
}

interface EndLimits {
  readonly panicMs: number;
  readonly oopsMs: number | undefined;
  readonly isQuoted?: (stampMs: number) => boolean;
}

/** Whether a kernel's clock, behind its end, shows that it was none, or another kernel's lines. */
function createEndWatch({ panicMs, oopsMs, isQuoted = () => false }: EndLimits): EndWatch {
  let endMs: number | undefined;
  let limitMs = panicMs;
  let panickedMs: number | undefined;
  let hasPanicked = false;
  let isOver = false;
  let complaintMs = Number.NEGATIVE_INFINITY;
  let lastMs = Number.NEGATIVE_INFINITY;
  let goesOn: GoesOn | undefined;
  const has = (bodies: readonly EventBody[], type: EventType) => bodies.some((body) => body.type === type);

  return {
    get goesOn() {
      return goesOn;
    },
    get panicMs() {
      return panickedMs;
    },
    line({ stampMs, number }, bodies) {
      // Whoever announces a reboot is at its end, and firmware's lines have no stamps.
      if (has(bodies, 'reboot-announced')) isOver = true;
      if (isOver || stampMs === undefined) return;
      const isBack = stampMs < lastMs - BACK_MS;
      lastMs = stampMs;
      if (bodies.length === 0 && endMs === undefined) return;
      if (bodies.some((body) => body.type === 'signature' && COMPLAINTS.has(body.name)))
        complaintMs = stampMs;
      const panics = has(bodies, 'panic') && !hasPanicked;
      if (panics || (has(bodies, 'oops') && !hasPanicked && oopsMs !== undefined)) {
        if (panics) panickedMs = stampMs;
        hasPanicked ||= panics;
        endMs = stampMs;
        limitMs = panics ? panicMs : (oopsMs ?? panicMs);
        // Another kernel's end, or an older one's: this kernel's clock is later.
        goesOn = isBack || isQuoted(stampMs) ? { how: 'back', line: number, endMs } : undefined;
        return;
      }
      if (endMs === undefined || goesOn !== undefined) return;
      if (stampMs < endMs - BACK_MS) goesOn = { how: 'back', line: number, endMs };
      else if (stampMs > endMs + limitMs && stampMs > complaintMs + COMPLAINT_MS)
        goesOn = { how: 'later', line: number, endMs };
      else if (hasPanicked && bodies.some((body) => body.type === 'signature' && LIVES.has(body.name)))
        goesOn = { how: 'later', line: number, endMs };
    },
  };
}

const COMPLAINTS: ReadonlySet<string> = new Set([
  'first-kernel-lockup',
  'soft-lockup',
  'hard-lockup',
  'rcu-stall',
]);
/** What no kernel prints, and no program, behind its panic. */
const LIVES: ReadonlySet<string> = new Set(['dump-saved', 'dump-failed', 'kernel-ended-itself']);
