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
  return new RegExp(AT + message);
}

/**
 * A function as `%pB` and `%pS` print it, up to its offset; captures the name (lib/vsprintf.c, symbol_string(), v6.1).
 */
export const FUNCTION_AT = String.raw`([A-Za-z_][\w.]{0,255})\+0x`;

/** A kernel message without its level, time stamp and caller, as `dmesg` or the console print them. */
export function withoutStamp(line: string): string {
  return line.replace(STAMP, '');
}
