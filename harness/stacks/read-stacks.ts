import { type CleanLine, cleanLines } from './clean-line.js';
import { type CpuStack, functionsOf, MOST_STACKS, type StackFrame } from './cpu-stack.js';
import {
  behindSwitch,
  exceptionFrame,
  numberedFrame,
  ripFrame,
  stackSwitch,
  titleCpus,
  traceFrame,
} from './line-forms.js';
import { isPartOfTable, MailStack, readTable } from './mail-stack.js';
import { StackBuilder } from './stack-builder.js';

/** Lines that may stand between two frames of a trace: registers, code bytes, messages of other CPUs. */
const MOST_NOISE = 24;
/** Most lines of stacks side by side. */
const MOST_TABLE_LINES = 200;

/** What one printer (a CPU or a task, where the kernel says which) has begun. */
interface Track {
  cpu: number | undefined;
  /** The instruction pointer that a report shows before its trace. */
  rip: StackFrame | undefined;
  open: StackBuilder | undefined;
  noise: number;
}

/**
 * The stacks in a text: a kernel's log with traces, what crash, gdb or drgn print, or a mail in which a person wrote them
 * down. In the order of the text; a stack that is quoted again counts once. Any text is read, and what is no stack is left
 * out. Pure.
 */
export function readStacks(text: string): CpuStack[] {
  return new StackReader().read(text);
}

class StackReader {
  readonly #done: CpuStack[] = [];
  readonly #seen = new Set<string>();
  readonly #tracks = new Map<string, Track>();
  #mail: MailStack | undefined;
  #table: CleanLine[] | undefined;

  read(text: string): CpuStack[] {
    for (const line of cleanLines(text)) {
      if (this.#done.length >= MOST_STACKS) break;
      this.#line(line);
    }
    this.#closeTable();
    this.#closeMail();
    for (const track of this.#tracks.values()) this.#close(track);
    return this.#done.toSorted((a, b) => a.line - b.line);
  }

  #line(line: CleanLine): void {
    if (this.#table !== undefined) {
      const more = isPartOfTable(line.text, this.#table[0]?.text ?? '');
      if (more && this.#table.length < MOST_TABLE_LINES) {
        this.#table.push(line);
        return;
      }
      this.#closeTable();
    }
    if (this.#header(line) || this.#kernelLine(line) || this.#numbered(line) || this.#chain(line)) return;
    this.#mailLine(line);
  }

  /** A line that names the CPU of the stack that follows. */
  #header({ text, caller, number }: CleanLine): boolean {
    const track = this.#trackOf(caller);
    const idle = /NMI backtrace for cpu (\d{1,4}) skipped: idling at (?:pc )?([A-Za-z_][\w.]{0,127})\+/.exec(
      text,
    );
    if (idle !== null) {
      this.#close(track);
      const builder = new StackBuilder('kernel log', { cpu: Number(idle[1]), line: number });
      builder.push({ function: idle[2] ?? '', reliable: true, interruptedBy: 'nmi' });
      this.#finish(builder);
      return true;
    }
    const cpu =
      /NMI backtrace for cpu (\d{1,4})/i.exec(text) ??
      /^ ?CPU: (\d{1,4}) (?:UID: \d{1,10} )?PID: /.exec(text) ??
      /^ ?PID: +\d+ +TASK: \S+ +CPU: (\d{1,4})\b/.exec(text) ??
      /^ ?[*]? ?Thread \d+ \(.{0,64}\bCPU ?#(\d{1,4})\b/.exec(text);
    if (cpu !== null) {
      this.#close(track);
      this.#closeMail();
      Object.assign(track, { cpu: Number(cpu[1]), rip: undefined });
      return true;
    }
    const titles = titleCpus(text);
    const [title] = titles;
    if (title === undefined) return false;
    this.#close(track);
    this.#closeMail();
    if (titles.length > 1) this.#table = [{ text, caller, number }];
    else {
      this.#mail = new MailStack({ name: title.name, cpu: title.cpu, line: number, title: title.rest });
      track.cpu = title.cpu;
    }
    return true;
  }

  #kernelLine({ text, caller, number }: CleanLine): boolean {
    const track = this.#trackOf(caller);
    if (/^ {0,4}Call [Tt]race:/.test(text)) {
      this.#close(track);
      this.#dropEmptyMail();
      track.open = new StackBuilder('kernel log', { cpu: track.cpu, line: number });
      if (track.rip !== undefined) track.open.startAt(track.rip);
      track.rip = undefined;
      return true;
    }
    const rip = ripFrame(text);
    if (rip !== undefined) {
      if (track.open?.form === 'kernel log' && track.open.length > 0) track.open.pushInterrupted(rip);
      else track.rip ??= rip;
      return true;
    }
    const hit = exceptionFrame(text);
    if (hit !== undefined && track.open !== undefined) {
      track.open.pushInterrupted(hit);
      return true;
    }
    const by = stackSwitch(text);
    if (by !== undefined && track.open !== undefined && by !== 'begin') track.open.interrupted(by);
    const frame = traceFrame(by === undefined ? text : behindSwitch(text));
    if (frame !== undefined) {
      // A log that is cut off at its beginning has no header.
      track.open ??= new StackBuilder('kernel log', { cpu: track.cpu, line: number });
      if (track.open.form !== 'kernel log') return false;
      track.open.push(frame);
      track.noise = 0;
      return true;
    }
    if (by !== undefined) return true;
    if (track.open?.form !== 'kernel log') return false;
    track.noise += 1;
    if (
      track.noise > MOST_NOISE ||
      /^ {0,4}(?:---\[ end |Kernel panic |Kernel Offset|Rebooting in|={5})/.test(text)
    )
      this.#close(track);
    return false;
  }

  #numbered({ text, caller, number }: CleanLine): boolean {
    const seen = numberedFrame(text);
    if (seen === undefined) return false;
    const track = this.#trackOf(caller);
    if (track.open === undefined || track.open.form !== seen.form || seen.number === 0) {
      this.#close(track);
      const name = this.#mail?.isEmpty === true ? this.#mail.name : undefined;
      this.#dropEmptyMail();
      track.open = new StackBuilder(seen.form, { cpu: track.cpu, name, line: number });
      track.cpu = undefined;
    }
    track.open.push(seen.frame);
    return true;
  }

  /** `vCPU 1: a+0x1/0x2 < b < ? c`, as crashpath prints a stack. */
  #chain({ text, number }: CleanLine): boolean {
    const parts = text.trim().split(' < ');
    const [, title = '', first] =
      /^(.{0,80}[:\s])?((?:\? )?[A-Za-z_][\w.]*(?:\+0x[\da-f]+(?:\/0x[\da-f]+)?)?)$/.exec(parts[0] ?? '') ??
      [];
    if (first === undefined || parts.length < 3) return false;
    const frames = [first, ...parts.slice(1)].filter((part) => part !== '...').map(chainFrame);
    if (!frames.every((frame) => frame !== undefined)) return false;
    const cpu = /[cC][pP][uU] ?#?(\d{1,4})\b/.exec(title)?.[1];
    const builder = new StackBuilder('run', {
      cpu: cpu === undefined ? undefined : Number(cpu),
      line: number,
    });
    for (const frame of frames) builder.push(frame);
    this.#finish(builder);
    return true;
  }

  #mailLine({ text }: CleanLine): void {
    if (this.#mail === undefined || this.#mail.add(text)) return;
    this.#closeMail();
  }

  #closeTable(): void {
    const lines = this.#table;
    this.#table = undefined;
    if (lines === undefined) return;
    for (const mail of readTable(lines)) this.#finish(mail.builder());
  }

  #closeMail(): void {
    const mail = this.#mail;
    this.#mail = undefined;
    if (mail !== undefined) this.#finish(mail.builder());
  }

  #dropEmptyMail(): void {
    if (this.#mail?.isEmpty === true) this.#mail = undefined;
  }

  #close(track: Track): void {
    const { open } = track;
    Object.assign(track, { open: undefined, noise: 0 });
    if (open !== undefined) this.#finish(open);
  }

  #finish(builder: { stack(number: number): CpuStack | undefined }): void {
    const stack = builder.stack(this.#done.length + 1);
    if (stack === undefined || this.#done.length >= MOST_STACKS) return;
    const identity = `${stack.cpu ?? stack.name} ${functionsOf(stack).join(' ')}`;
    if (this.#seen.has(identity)) return;
    this.#seen.add(identity);
    this.#done.push(stack);
  }

  #trackOf(caller: string | undefined): Track {
    const key = caller ?? '';
    const known = this.#tracks.get(key);
    if (known !== undefined) return known;
    const cpu = caller?.startsWith('C') === true ? Number(caller.slice(1)) : undefined;
    const track = { cpu, rip: undefined, open: undefined, noise: 0 };
    // A hostile log names a caller on each line.
    if (this.#tracks.size < MOST_STACKS) this.#tracks.set(key, track);
    return track;
  }
}

/** `? name+0x1/0x2`, as crashpath prints a frame. */
function chainFrame(text: string): StackFrame | undefined {
  const [, doubtful, name, offset, size] =
    /^(\? )?([A-Za-z_][\w.]{0,127})(?:\+0x([\da-f]{1,6})(?:\/0x([\da-f]{1,6}))?)?$/.exec(text) ?? [];
  if (name === undefined) return undefined;
  return {
    function: name,
    ...(offset === undefined ? {} : { offset: Number.parseInt(offset, 16) }),
    ...(size === undefined ? {} : { size: Number.parseInt(size, 16) }),
    reliable: doubtful === undefined,
  };
}
