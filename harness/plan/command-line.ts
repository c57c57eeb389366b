/**
 * Kernel command lines out of layers: crashpath's own words, a machine profile's, a scenario's, the caller's. A word of
 * a higher layer replaces one of a lower layer where the kernel would not obey both.
 */

/** Words that decide the number of CPUs. The kernel takes the smallest of them (kernel/smp.c, v6.1), wherever it is. */
const CPU_COUNT = new Set(['nr_cpus', 'maxcpus', 'possible_cpus', 'nosmp']);

/**
 * Further words of which the kernel does not simply take the last one. A `crashkernel=` without suffix wins over those
 * with one (arch/x86/kernel/setup.c, reserve_crashkernel(), v6.1), and each `mem=` cuts off more (arch/x86/kernel/e820.c,
 * parse_memopt()).
 */
const NOT_THE_LAST = new Set(['crashkernel', 'mem']);

/**
 * Consoles that replace crashpath's `console=ttyS0,115200`: one on the same UART, or none at all (`console=`,
 * `console=null`; Documentation/admin-guide/kernel-parameters.txt). Another device is a further console.
 */
const FIRST_UART = /^(ttyS0|uart(8250)?,(io,)?0x3f8|null|ttynull|)(,|$)/;

/** Words that let a kernel print on a UART, and the UART of the control channel as they name it. */
const CONSOLES = new Set(['console', 'earlyprintk', 'earlycon', 'kgdboc']);
const SECOND_UART = /(?:^|,)(?:ttyS1|0x2f8)(?:,|$)/;

/** The words of a command line, split as the kernel does (lib/cmdline.c, next_arg()): quotes keep blanks in a word. */
export function wordsOf(text: string | undefined): string[] {
  return text?.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

/** A word's key as the kernel compares it: `-` and `_` are the same (kernel/params.c, parameq()). */
export function keyOf(word: string): string {
  return word.replace(/^"/, '').replace(/=.*$/s, '').replace(/"$/, '').replaceAll('-', '_');
}

/** A word's value without its quotes; undefined for a word without `=`. */
export function valueOf(word: string): string | undefined {
  const at = word.indexOf('=');
  return at < 0 ? undefined : word.slice(at + 1).replaceAll('"', '');
}

/** Why a text cannot be a part of a command line; undefined when it can. */
export function mistakeInWords(text: string | undefined): string | undefined {
  // A blank to crashpath, but not to the kernel everywhere.
  if (/\p{Cc}/u.test(text ?? '')) {
    return "it holds a control character; write the scenario's append on one line";
  }
  const quotes = text?.match(/"/g)?.length ?? 0;
  if (quotes % 2 === 1) return 'it has an unclosed quote, which would take in the words behind it; close it';
  const words = wordsOf(text);
  if (words.includes('--') || words.includes('"--"')) {
    return 'what stands behind -- is not read by the kernel, nor are the words that follow it; leave -- out, init gets unknown words anyway';
  }
  // A kernel that finds it takes itself for a capture kernel (include/linux/crash_dump.h, is_kdump_kernel(), v6.1).
  if (words.some((word) => keyOf(word) === 'elfcorehdr')) {
    return 'elfcorehdr= makes a capture kernel of it, and kexec adds the right one by itself; leave it out';
  }
  // Read by the images' init, of the capture kernel alone, and other values than the plan's would belie it.
  const own = words.find((word) => keyOf(word).startsWith('crashpath.'));
  if (own !== undefined) {
    return `${own} is a word of crashpath's own; use --vmcore, or vmcore and capture in the scenario`;
  }
  const onChannel = words.find((word) => CONSOLES.has(keyOf(word)) && SECOND_UART.test(valueOf(word) ?? ''));
  if (onChannel !== undefined) {
    return `${onChannel} prints between the frames of crashpath's own channel, the second UART; use ttyS0, or ttyS2`;
  }
  return undefined;
}

/**
 * One command line out of layers of words, lowest first. The first layer is crashpath's own: each of its words gives way
 * to the words of the same subject above it, which take its place. Of the others only those give way that the kernel
 * could not obey together.
 */
export function mergeWords([own = [], ...given]: readonly (readonly string[])[]): string {
  const highest = new Map<string, number>();
  for (const [level, words] of given.entries()) {
    for (const word of words) {
      highest.set(subjectOf(word), level);
      highest.set(rivalryOf(word) ?? subjectOf(word), level);
    }
  }
  const kept = given.flatMap((words, level) =>
    words.filter((word) => {
      const rivalry = rivalryOf(word);
      return rivalry === undefined || highest.get(rivalry) === level;
    }),
  );
  // The order of consoles counts (the last one is /dev/console): those of the user stay where they are.
  const inPlace = (word: string) => keyOf(word) !== 'console' && own.some((mine) => isSame(mine, word));
  const front = own.flatMap((word) =>
    highest.has(subjectOf(word)) ? kept.filter((other) => inPlace(other) && isSame(word, other)) : [word],
  );
  return [...front, ...kept.filter((word) => !inPlace(word))].join(' ');
}

function isSame(one: string, other: string): boolean {
  return subjectOf(one) === subjectOf(other);
}

/** The subject of a word: what it decides. */
function subjectOf(word: string): string {
  const key = keyOf(word);
  if (CPU_COUNT.has(key)) return 'number of CPUs';
  if (key === 'console') {
    const value = valueOf(word) ?? '';
    return FIRST_UART.test(value) ? 'console on the first UART' : `console ${value}`;
  }
  return key;
}

/** The subject of which the words of only one layer are kept; undefined when the kernel takes the last word, or all. */
function rivalryOf(word: string): string | undefined {
  const key = keyOf(word);
  return CPU_COUNT.has(key) || NOT_THE_LAST.has(key) ? subjectOf(word) : undefined;
}

/**
 * How many CPUs a command line asks for on a machine that has `present`, and the words that do; undefined when it does
 * not say. `nosmp` and `maxcpus=0` leave the boot CPU alone (kernel/smp.c, v6.1).
 */
export function cpusAskedFor(
  commandLine: string,
  present: number,
): { readonly count: number; readonly by: string } | undefined {
  const words = wordsOf(commandLine).filter((word) => CPU_COUNT.has(keyOf(word)));
  const counts = words.flatMap((word) => {
    if (keyOf(word) === 'nosmp') return [1];
    const value = valueOf(word) ?? '';
    return /^\d{1,6}$/.test(value) ? [Math.max(1, Number(value))] : [];
  });
  return counts.length === 0 ? undefined : { count: Math.min(present, ...counts), by: words.join(' ') };
}

/**
 * Whether a kernel with this command line may leave messages out of its console, at any time of its boot: a boot console
 * may print its first lines before `loglevel=` is read (arch/x86/kernel/early_printk.c, v6.1).
 */
export function maySilence(commandLine: string): boolean {
  return wordsOf(commandLine).some((word) =>
    /^(quiet|loglevel|earlyprintk|earlycon|.*printk.*)$/.test(keyOf(word)),
  );
}
