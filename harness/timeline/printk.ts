/** The task or CPU that a message comes from, with CONFIG_PRINTK_CALLER; it stands alone with printk.time=0. */
const CALLER = String.raw`\[ *[CT]\d{1,10}\]`;

/**
 * printk's time stamp or caller, or the start of the line: what a kernel message must follow (kernel/printk/printk.c,
 * print_time() and print_caller(), v6.1). A kernel's first line may follow an unfinished line of another kernel or of
 * userspace, so the stamp is searched for, not anchored; the text in the middle of a line is a quotation.
 */
const AT = String.raw`(?:^|\[ *\d+\.\d{6}\](?:${CALLER})? |${CALLER} )`;
const STAMP = new RegExp(String.raw`^(?:<\d+>)?(?:\[ *\d+\.\d+\](?:${CALLER})?|${CALLER})? *`);

/** A pattern for a console line that the kernel begins with `message` (the source of a regular expression). */
export function kernelMessage(message: string): RegExp {
  return new RegExp(`${AT}(?:${message})`);
}

/**
 * One pattern for all lines that one of `patterns`, each made by {@link kernelMessage}, matches. Of the first of them that
 * matches, at the leftmost place where any does, the group of its `marks` is empty and not undefined.
 */
export function jointKernelMessage(patterns: readonly RegExp[]): {
  readonly pattern: RegExp;
  readonly marks: readonly number[];
} {
  const marks: number[] = [];
  let groups = 0;
  const messages = patterns.map(({ source }) => {
    if (!source.startsWith(AT)) throw new Error(`not made by kernelMessage(): ${source}`);
    const message = source.slice(AT.length);
    groups += (new RegExp(`${message}|`).exec('')?.length ?? 1) - 1 + 1;
    marks.push(groups);
    return `${message}()`;
  });
  return { pattern: kernelMessage(messages.join('|')), marks };
}

/**
 * A function as `%pB` and `%pS` print it, up to its offset; captures the name (lib/vsprintf.c, symbol_string(), v6.1).
 */
export const FUNCTION_AT = String.raw`([A-Za-z_][\w.]{0,255})\+0x`;

/** A kernel message without its level, time stamp and caller, as `dmesg` or the console print them. */
export function withoutStamp(line: string): string {
  return line.replace(STAMP, '');
}

/**
 * How a WARN() begins: `WARNING: CPU: 0 PID: 1 at mm/slub.c:1 f+0x1/0x2`, and since v6.19 (28ea295f941e) `WARNING:
 * mm/slub.c:1 at f+0x1/0x2 [module], CPU#0: swapper/0/1`, with a part of the condition before the file
 * (kernel/panic.c, __warn()).
 */
export const WARNING_AT = String.raw`WARNING: (?:CPU: \d+ PID: \d+ at |(?:\S.{0,512}:\d+ )?at \S{1,256}(?: \[\S{1,64}\])?, CPU#\d+: )`;

/** Words that keep a kernel's warnings from its console (Documentation/admin-guide/kernel-parameters.txt, v6.1). */
const QUIET = /(?:^|\s)(?:quiet|loglevel=\S*|sysctl\.kernel[./]printk=\S*)(?=\s|$)/;

/** Whether a kernel's command line asks it to print less than usual; its log in memory has all of it. */
export function isQuiet(commandLine: string): boolean {
  return QUIET.test(commandLine);
}
