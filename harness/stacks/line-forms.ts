import { SYMBOL_NAME, type Interruption, type StackFrame } from './cpu-stack.js';

/** A frame as a line shows it. */
export interface SeenFrame {
  readonly frame: StackFrame;
  /** What a lock call in the text names: `spin_lock_irqsave(&ioapic_lock, flags)`. */
  readonly lock?: string | undefined;
}

const NAME = String.raw`([A-Za-z_][\w.]{0,127})`;
/** `name+0x12/0x34`, as the kernel prints it; a module may follow. */
const SYMBOL = String.raw`${NAME}\+0x([\da-f]{1,6})/0x([\da-f]{1,6})`;

/** A line of `Call Trace:` (arch/x86/kernel/dumpstack.c, v2.6.32 to v6.12). */
const TRACE_LINE = new RegExp(
  String.raw`^ {0,8}(?:\[<[\da-f]{8,16}>\] {0,4})?(\? )?(?:\[<[\da-f]{8,16}>\] {0,4})?(\? )?${SYMBOL}(?: \[[\w -]{1,64}\])?(?: \([^)]{0,40}\))?$`,
);
/** The registers' line (`show_ip()`, `__show_regs()`). */
const RIP_LINE = new RegExp(
  String.raw`^ {0,4}(?:RIP|EIP|IP): ?(?:[\da-f]{4}:)?(?:\[<[\da-f]{8,16}>\] {0,4}){0,2}(?:\[<[\da-f]{8,16}>\])? {0,4}${SYMBOL}`,
);
/** `bt` of crash: ` #0 [ffff88] crash_nmi_callback at ffffffff81`. */
const CRASH_LINE = new RegExp(
  String.raw`^ {0,4}#{1,2} ?(\d{1,3}) \[[\da-f]{8,16}\] ${NAME}(?:\+(\d{1,6}|0x[\da-f]{1,5}))?(?: \([^)]{0,60}\))? at [\da-f]{4,16}`,
);
const CRASH_EXCEPTION = new RegExp(
  String.raw`^ {0,8}\[exception RIP: ${NAME}(?:\+(\d{1,6}|0x[\da-f]{1,5}))?\]`,
);
const CRASH_MARK = /^ {0,4}--- <(\w{2,12}) (?:exception )?stack> ---/;
/** gdb's `bt` and drgn's stack traces. */
const NUMBERED = new RegExp(
  String.raw`^ {0,4}#(\d{1,3}) +(?:0x[\da-f]{1,16} in )?${NAME}(?:\+(0x[\da-f]{1,6})(?:/0x([\da-f]{1,6}))?)?(?: ?[(<].*)?(?: at .*)?$`,
);
const NUMBERED_AT = new RegExp(
  String.raw`^ {0,4}#(\d{1,3}) +at 0x[\da-f]{1,16} \(${NAME}\+(0x[\da-f]{1,6})/0x([\da-f]{1,6})\)`,
);
/** A mail's call, with its arguments and what is said of it. */
const CALL = new RegExp(
  String.raw`^${NAME} {0,2}(?:\((.{0,200}?)\))?;?(?: {0,8}(?:[-=<]{1,20}>?|//|/\*|#|:|,) ?(.{0,200}))?$`,
);
const ARROW = /^( *)(?:[-=]{1,3}>|\|?[`+\\]?-{1,3}>|<[-=]{1,3}) ?/;

/** A line of the kernel's own traces. */
export function traceFrame(line: string): StackFrame | undefined {
  const [, before, behind, name, offset, size] = TRACE_LINE.exec(line) ?? [];
  if (name === undefined) return undefined;
  return { ...place(name, offset, size), reliable: before === undefined && behind === undefined };
}

/** What the line of the instruction pointer names. */
export function ripFrame(line: string): StackFrame | undefined {
  const [, name, offset, size] = RIP_LINE.exec(line) ?? [];
  return name === undefined ? undefined : { ...place(name, offset, size), reliable: true };
}

/** A line of crash, gdb or drgn with the number of its frame. */
export function numberedFrame(
  line: string,
): { number: number; form: 'crash' | 'debugger'; frame: StackFrame } | undefined {
  const crash = CRASH_LINE.exec(line);
  if (crash !== null) {
    const [, number, name = '', offset] = crash;
    return { number: Number(number), form: 'crash', frame: { ...place(name, offset), reliable: true } };
  }
  const [, number, name, offset, size] = NUMBERED_AT.exec(line) ?? NUMBERED.exec(line) ?? [];
  if (name === undefined) return undefined;
  return {
    number: Number(number),
    form: 'debugger',
    frame: { ...place(name, offset, size), reliable: true },
  };
}

/** crash's line of what an exception hit. */
export function exceptionFrame(line: string): StackFrame | undefined {
  const [, name, offset] = CRASH_EXCEPTION.exec(line) ?? [];
  return name === undefined ? undefined : { ...place(name, offset), reliable: true };
}

/** Offsets of crash are decimal, those of the others hexadecimal. */
function place(
  name: string,
  offset?: string,
  size?: string,
): Pick<StackFrame, 'function' | 'offset' | 'size'> {
  const plain = offset !== undefined && size === undefined && !offset.startsWith('0x');
  return {
    function: name,
    ...(offset === undefined ? {} : { offset: Number.parseInt(offset, plain ? 10 : 16) }),
    ...(size === undefined ? {} : { size: Number.parseInt(size, 16) }),
  };
}

/** Where a CPU changes its stack: what was interrupted follows. */
export function stackSwitch(line: string): Interruption | 'begin' | undefined {
  const crash = CRASH_MARK.exec(line)?.[1];
  if (crash !== undefined) return crash === 'IRQ' ? 'interrupt' : crash === 'NMI' ? 'nmi' : 'exception';
  const kernel = /^ {0,8}(<\/?[A-Z#_]{2,20}>|<<?EO[EI]>>?)/.exec(line)?.[1];
  if (kernel === undefined) return undefined;
  if (kernel.includes('EOI') || /^<\/(?:IRQ|SOFTIRQ)/.test(kernel)) return 'interrupt';
  if (kernel.includes('EOE')) return 'exception';
  if (kernel.startsWith('</NMI')) return 'nmi';
  return kernel.startsWith('</#') ? 'exception' : 'begin';
}

/** The line without the mark of {@link stackSwitch}: kernels before v4.9 print a frame behind it. */
export function behindSwitch(line: string): string {
  return line.replace(/^ {0,8}(?:<\/?[A-Z#_]{2,20}>|<<?EO[EI]>>?) ?/, ' ');
}

/** A call in a mail: behind an arrow, or alone on its line. */
export interface MailCall extends SeenFrame {
  /** Columns before it. */
  readonly indent: number;
  readonly arrow: 'inwards' | 'outwards' | undefined;
  /** What the mail says behind it. */
  readonly remark: string;
  /** It is more than a word of prose: an arrow, parentheses or an underscore. */
  readonly plain: boolean;
}

/** Words that are functions although they look like prose. */
const SHORT_FUNCTIONS = /^(?:panic|nmi|die|up|down|schedule|kthread|printk|vprintk|cpu_relax)$/;

/** Reads a line of a mail as a call. */
export function mailCall(line: string): MailCall | undefined {
  const arrow = ARROW.exec(line);
  const rest = arrow === null ? line.trimStart() : line.slice(arrow[0].length).trimStart();
  const called = CALL.exec(rest);
  if (called === null) return undefined;
  const [, name = '', args, remark = ''] = called;
  const isFunction = args !== undefined || name.includes('_') || SHORT_FUNCTIONS.test(name);
  if (!isFunction && arrow === null) return undefined;
  // A sentence that begins with a name goes on in words.
  const indent = arrow === null ? line.length - line.trimStart().length : (arrow[1] ?? '').length;
  return {
    frame: { function: name, reliable: true },
    lock: args === undefined ? undefined : lockNamed(name, args),
    indent,
    arrow: arrow === null ? undefined : arrow[0].includes('<') ? 'outwards' : 'inwards',
    remark,
    plain: !isFunction,
  };
}

/** The variable in `spin_lock_irqsave(&ioapic_lock, flags)`; members of structures have no symbol. */
function lockNamed(callee: string, args: string): string | undefined {
  if (!/lock|down|up/.test(callee)) return undefined;
  const name = /^\s*&?\s*([A-Za-z_]\w{0,127})\s*(?:,|$)/.exec(args)?.[1];
  return name !== undefined && SYMBOL_NAME.test(name) && !/^(?:lock|flags|lk|l|sem|ptr)$/.test(name)
    ? name
    : undefined;
}

/** What a remark of a mail says of the CPU. */
export interface Remark {
  readonly loops: boolean;
  readonly interruptedBy: Interruption | undefined;
  readonly acquired: boolean;
}

/** Reads a remark: `---Receive NMI here after getting spinlock---`, `/* spins forever`. */
export function remarkOf(text: string): Remark {
  const sends = /\bsends?\b|\bsending\b|\bsent\b|\bto (?:the )?(?:all )?other/i.test(text);
  const interruptedBy = sends
    ? undefined
    : /\bNMI\b/i.test(text)
      ? 'nmi'
      : /\bIPI\b|<(?:irq|interrupt)>|\binterrupt(?:s|ed)? (?:here|arrives|comes|hits)|\b(?:hard)?irq (?:here|arrives|comes|hits)/i.test(
            text,
          )
        ? 'interrupt'
        : undefined;
  return {
    loops:
      /\b(?:infinite|endless|dead) ?loop|\bdead ?lock|\bspin(?:s|ning)?\b(?! ?lock)|\bloops?\b|\b(?:stuck|hangs?|hung|wait(?:s|ing)?)\b|never returns?|\bblock(?:s|ed)\b/i.test(
        text,
      ),
    interruptedBy,
    acquired:
      /\bafter (?:getting|taking|acquiring|grabbing|locking)|\bacquired\b|\bgot (?:the )?\w*lock|\bholds?\b|\bholding\b|\bheld\b|\btaken\b|lock taken/i.test(
        text,
      ),
  };
}

/** Names a CPU: `CPU4:`, `vCPU 1`, `CPU A`; a title of a stack, not a sentence. */
const CPU_NAME = /\b[vVpP]?[cC][pP][uU] {0,2}[#:]? {0,2}(\d{1,4}|[A-Z])\b/g;

/** The CPUs that a title names, with their columns; none for other lines. */
export function titleCpus(
  line: string,
): { name: string; cpu: number | undefined; column: number; rest: string }[] {
  if (line.length > 200) return [];
  const found = [...line.matchAll(CPU_NAME)];
  const [first] = found;
  if (first === undefined) return [];
  if (
    !/^[\s\-=*#|[(<>]*(?:[Oo]n |[Ss]tacks? (?:trace )?(?:of|for|on) |[Bb]acktraces? (?:of|for|on) )?$/.test(
      line.slice(0, first.index),
    )
  )
    return [];
  const titles = found.map((match, index) => {
    const until = found[index + 1]?.index ?? line.length;
    const digits = match[1] ?? '';
    return {
      name: match[0].replace(/[\s#:]+/g, '').replace(/^([a-z]*)cpu/i, (word) => word),
      cpu: /^\d+$/.test(digits) ? Number(digits) : undefined,
      column: match.index,
      rest: line.slice(match.index + match[0].length, until),
    };
  });
  // Two of them are columns when blanks separate them; what follows one is short.
  const isTitle = ({ rest }: { rest: string }, index: number) =>
    /^[\s\])>:|=*#-]*$/.test(rest) ||
    /^ {0,2}[(:,[] ?[^.]{0,60}$/.test(rest) ||
    (index < titles.length - 1 && /^[^.]{0,60} {2,}$/.test(rest));
  return titles.every(isTitle) &&
    (titles.length === 1 || titles.slice(0, -1).every(({ rest }) => / {2,}$|\t$/.test(rest)))
    ? titles
    : [];
}
