import stripAnsi from 'strip-ansi';
import type { EventBody, Side } from '../model/event.js';
import { createPatternSet, type PatternRow, type PatternSet } from './pattern-set.js';
import { FUNCTION_AT, kernelMessage, WARNING_AT } from './printk.js';
import type { Signature } from './signature.js';
import { SIGNATURES } from './signatures.js';
import { createInt3Reader, INT3 } from './stale-int3.js';

const BANNER = kernelMessage(String.raw`Linux version (\d{1,9}\.\d{1,9}\S{0,255}) `);
/** arch/x86/kernel/setup.c, setup_arch(), of 64-bit kernels only; init/main.c, start_kernel(), of all (v6.1). */
const COMMAND_LINE = kernelMessage('(?:C|Kernel c)ommand line: (.*)');
/** kernel/panic.c, panic(): "Kernel panic - not syncing: %s" (v2.6 to v6.12 alike). */
const PANIC = kernelMessage('Kernel panic - not syncing(?:: (.*))?$');
/** kernel/panic.c, panic(): the end mark, printed only when no capture kernel was entered. */
const PANIC_END = kernelMessage(String.raw`---\[ end Kernel panic - not syncing`);
/** kernel/panic.c, panic(): with panic=N. */
const REBOOT = kernelMessage(String.raw`Rebooting in \d+ seconds`);
/**
 * arch/x86/kernel/dumpstack.c, __die_header() (`int3: 0000 [#1]`, with `Oops: ` before it since v6.9);
 * arch/x86/mm/fault.c; lib/bug.c, report_bug().
 */
const NAMED =
  'BUG: (?:unable to handle|kernel NULL pointer|stack guard)|kernel BUG at |general protection fault|invalid opcode|Oops: ';
/** `int3: 0000 [#1]`, `divide error: 0000 [#1]`. */
const NUMBERED = String.raw`[a-z][a-z -]{2,40}: [0-9a-f]{4} \[#`;
const NAMED_OOPS = kernelMessage(NAMED);
const NUMBERED_OOPS = kernelMessage(NUMBERED);
const OOPS = kernelMessage(`((?:${NAMED}|${NUMBERED}).*)`);

/** After the panic of the first kernel it is a fault of the crash path. */
const WARNING = kernelMessage(`(${WARNING_AT}.*)`);

/**
 * arch/x86/kernel/dumpstack.c, printk_stack_address() and show_iret_regs() (v6.1): a frame, indented by one space, or
 * the instruction pointer. `?` marks an address that the unwinder considers unreliable: it is not a frame.
 */
const REPORT_FRAME = kernelMessage(String.raw`(?: |RIP: 0010:)${FUNCTION_AT}[\da-f]+/0x[\da-f]+`);
/** The longest report that is read; the stack of an overflow may be long. */
const MAX_REPORT_FRAMES = 256;
/** drivers/misc/lkdtm/core.c, lkdtm_kprobe_handler() and direct_entry() (v6.1). */
const LKDTM_HIT = kernelMessage(
  String.raw`lkdtm: Crash point (\w+) of type (\w+) hit, trigger in (\d+) rounds`,
);
const LKDTM_DIRECT = kernelMessage(String.raw`lkdtm: Performing direct entry (\w+)`);

/**
 * A kernel that complains that something does not proceed: kernel/watchdog.c, watchdog_timer_fn(); kernel/watchdog_hld.c,
 * watchdog_overflow_callback(); kernel/rcu/tree_stall.h, tree_exp.h; kernel/hung_task.c, check_hung_task();
 * kernel/workqueue.c, wq_watchdog_timer_fn() (v6.1).
 */
const WATCHDOG_REPORT = kernelMessage(
  String.raw`watchdog: BUG: soft lockup|(?:NMI )?watchdog: Watchdog detected hard LOCKUP|rcu: INFO: \S{1,64} .{0,64}stall|INFO: task \S.{0,127}blocked for more than \d{1,20} seconds|BUG: workqueue lockup`,
);

/** A pattern that lines are tested for; of a signature, or of what is read further. */
interface Row extends PatternRow {
  readonly signature: Signature | undefined;
}

/** What is read one by one, beside the signatures. */
const MESSAGES: readonly Row[] = [
  ...[BANNER, PANIC_END, PANIC, REBOOT, NAMED_OOPS, WARNING, INT3, LKDTM_HIT, LKDTM_DIRECT].map(
    (pattern) => ({ pattern, signature: undefined }),
  ),
  { pattern: NUMBERED_OOPS, needs: '[#', signature: undefined },
];
const COMPLAINT: Row = { pattern: WATCHDOG_REPORT, signature: undefined };

/** What counts on each side. */
type Rows = Readonly<Record<Side, PatternSet<Row>>>;

function rowsOf(signatures: readonly Signature[]): Rows {
  const on = (side: Side) => {
    const those = signatures.filter((signature) => countsOn(side, signature));
    return createPatternSet([
      ...MESSAGES,
      COMPLAINT,
      ...those.map((signature) => ({ pattern: signature.pattern, needs: signature.needs, signature })),
    ]);
  };
  return { production: on('production'), capture: on('capture'), rebooted: on('rebooted') };
}

const OF_RUNS = rowsOf(SIGNATURES);
const ofOthers = new WeakMap<readonly Signature[], Rows>();

/** Compiled once for each list: a log has a reader for each of its boots. */
function rowsWith(further: readonly Signature[] | undefined): Rows {
  if (further === undefined) return OF_RUNS;
  const known = ofOthers.get(further) ?? rowsOf([...SIGNATURES, ...further]);
  ofOthers.set(further, known);
  return known;
}

const NONE: readonly EventBody[] = [];
/** The sequences that nearly all coloured lines have, and no others: they are removed faster than any sequence. */
// eslint-disable-next-line no-control-regex -- control characters are the point
const COLOUR = /\x1b\[[\d;]*m/g;
/** What begins or ends other sequences. */
// eslint-disable-next-line no-control-regex -- control characters are the point
const OTHER_ESCAPES = /[\x1b\x80-\x9f]/;

/** Reads console lines in order and keeps track of the kernel that prints them. */
export interface ConsoleReader {
  line(text: string): readonly EventBody[];
  /** Whether the latest line is a watchdog's report of something that does not proceed. */
  readonly isComplaint: boolean;
  /**
   * The capture kernel runs, as its page tables show: later lines are its own, whether it prints its command line or
   * not (`quiet`).
   */
  captureRuns(): void;
  /**
   * The first kernel runs, as its init's answer before firing shows: lines of another kernel, or of a panic, were
   * quotations.
   */
  firstKernelRuns(): void;
}

/**
 * A reader that starts with the first kernel. A later kernel is the capture kernel only when its command line carries
 * `elfcorehdr=` (kexec-tools adds it; Documentation/admin-guide/kdump). When it is the first kernel's command line
 * again, the machine rebooted: a panic without a crash kernel and with panic=-1 looks like that. A command line that is
 * neither (bytes were lost) shows nothing. `startsOn`: whose lines come first; a log read from memory is of one kernel.
 * `further`: rows beside {@link SIGNATURES}.
 */
export function createConsoleReader(
  startsOn: Exclude<Side, 'rebooted'> = 'production',
  options: { readonly further?: readonly Signature[] } = {},
): ConsoleReader {
  const rows = rowsWith(options.further);
  let side: Side = startsOn;
  // A banner shows that a kernel starts; its command line, a line later, shows which one.
  let bannerOpen = false;
  let panicked = false;
  let ownCommandLine: string | undefined;
  // Of the first kernel; stacks before its first oops or panic are those of warnings.
  let reportedFrames: number | undefined;
  const int3 = createInt3Reader();
  let isComplaint = false;

  function takesFrames(): boolean {
    return side === 'production' && reportedFrames !== undefined && reportedFrames < MAX_REPORT_FRAMES;
  }

  function read(text: string): readonly EventBody[] {
    const matching = rows[side].matching(text);
    isComplaint ||= matching.includes(COMPLAINT);
    const isOpen = bannerOpen || int3.isOpen || takesFrames();
    if (!isOpen) {
      if (matching.length === 0) return NONE;
      if (matching.every((row) => row.signature !== undefined || row === COMPLAINT))
        return signaturesIn(text, matching);
    }
    const events: EventBody[] = [];
    const banner = BANNER.exec(text);
    if (banner?.[1] !== undefined) {
      bannerOpen = true;
      events.push({ type: 'kernel-banner', release: banner[1] });
      return events;
    }
    const commandLine = bannerOpen ? COMMAND_LINE.exec(text) : null;
    if (commandLine !== null) {
      const options = (commandLine[1] ?? '').trim();
      if (!panicked && side === 'production') ownCommandLine ??= options;
      if (/(^|\s)elfcorehdr=/.test(options)) {
        bannerOpen = false;
        side = 'capture';
        panicked = false;
        events.push({ type: 'capture-command-line' });
      } else if (options === ownCommandLine) {
        bannerOpen = false;
        // Without a preceding panic this is the same kernel's log again: a boot console's lines are replayed
        // when the real console registers.
        if (panicked || side === 'capture') {
          side = 'rebooted';
          panicked = false;
          events.push({ type: 'reboot-command-line' });
        }
      }
      return events;
    }
    if (PANIC_END.test(text)) return [{ type: 'panic-ended', side }];
    const panic = PANIC.exec(text);
    if (panic !== null) {
      panicked = true;
      if (side === 'production') reportedFrames ??= 0;
      return [{ type: 'panic', message: panic[1] ?? '', side }];
    }
    if (REBOOT.test(text)) return [{ type: 'reboot-announced', side }];
    const oops = OOPS.exec(text) ?? (panicked && side === 'production' ? WARNING.exec(text) : null);
    if (oops?.[1] !== undefined) {
      if (side === 'production') reportedFrames ??= 0;
      events.push({ type: 'oops', message: oops[1], side });
    }
    if (takesFrames()) {
      const frame = REPORT_FRAME.exec(text)?.[1];
      if (frame !== undefined) {
        reportedFrames = (reportedFrames ?? 0) + 1;
        events.push({ type: 'report-frame', function: frame });
      }
    }
    const staleIn = int3.line(text);
    if (staleIn !== undefined) events.push({ type: 'stale-int3', function: staleIn, side });
    const hit = LKDTM_HIT.exec(text);
    if (hit !== null) {
      const [, point = '', crashType = '', rounds = ''] = hit;
      events.push({ type: 'lkdtm-hit', point, crashType, roundsLeft: Number(rounds) });
    }
    const direct = LKDTM_DIRECT.exec(text);
    if (direct?.[1] !== undefined) {
      events.push({ type: 'lkdtm-hit', point: 'DIRECT', crashType: direct[1], roundsLeft: 0 });
    }
    events.push(...signaturesIn(text, matching));
    return events;
  }

  function signaturesIn(text: string, matching: readonly Row[]): EventBody[] {
    const events: EventBody[] = [];
    for (const { pattern, signature } of matching) {
      if (signature === undefined) continue;
      const degrades = signature.degrades && side === 'capture';
      events.push({
        type: 'signature',
        name: signature.name,
        side,
        degrades,
        text: pattern.exec(text)?.[0] ?? '',
      });
    }
    return events;
  }

  return {
    get isComplaint() {
      return isComplaint;
    },
    captureRuns() {
      if (side !== 'production') return;
      side = 'capture';
      panicked = false;
    },
    firstKernelRuns() {
      side = startsOn;
      panicked = false;
      reportedFrames = undefined;
    },
    line(raw) {
      isComplaint = false;
      if (!raw.includes('\x1b') && !raw.includes('\x9b')) return read(raw);
      const plain = raw.replace(COLOUR, '');
      if (!OTHER_ESCAPES.test(plain)) return read(plain);
      const text = stripAnsi(raw);
      const events = read(text);
      // An unfinished escape sequence of userspace would swallow the time stamp that follows it.
      return events.length > 0 || text === raw ? events : read(raw);
    },
  };
}

/** Whether a line is a kernel's first one, its banner. */
export function isBanner(text: string): boolean {
  return text.includes('Linux version ') && BANNER.test(text);
}

/** The command line that a kernel prints behind its banner; undefined for another line. */
export function commandLineIn(text: string): string | undefined {
  return COMMAND_LINE.exec(text)?.[1]?.trim();
}

function countsOn(side: Side, signature: Signature): boolean {
  return signature.side === side || (signature.side === 'both' && side !== 'rebooted');
}
