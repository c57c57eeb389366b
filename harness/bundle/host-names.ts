import type { NameKind } from './form.js';

/** Words that name a host, its user, and the directories in use there. */
export interface HostNames {
  readonly hosts: readonly string[];
  readonly users: readonly string[];
  /** Absolute paths. */
  readonly directories: readonly string[];
}

/** Removes the names of a host from text, and finds them in bytes. */
export interface Redactor {
  /** A text that crashpath or QEMU wrote: names, paths of files and process numbers are replaced. */
  hostText(text: string): string;
  /** A text that may quote a guest: only the names are replaced. */
  names(text: string): string;
  /** How often each kind of name is found in bytes, as UTF-8; kinds that are not found are left out. */
  find(bytes: Buffer): { readonly what: NameKind; readonly times: number }[];
}

/** Names that say nothing about a host, and would be found in any text. */
const COMMON = new Set([
  ...[
    'root',
    'user',
    'nobody',
    'admin',
    'ubuntu',
    'debian',
    'fedora',
    'linux',
    'localhost',
    'host',
    'builder',
  ],
  ...[
    '/',
    '/root',
    '/home',
    '/tmp',
    '/var',
    '/var/tmp',
    '/usr',
    '/usr/bin',
    '/usr/local/bin',
    '/opt',
    '/boot',
  ],
]);
/** Shorter words stand in any text as words of their own, and in any megabyte of compressed data by chance. */
const LEAST_CHARACTERS = { inText: 2, inBytes: 4 } as const;

/** Without devices, files of the kernel's own file systems, and names of QEMU's objects, which say nothing about a host. */
const PATH = /(?<![^\s"'`(=:,<[])\/(?!(?:dev|proc|sys|machine)\/)[^\s"'`(),;<>\]]+/gu;
const QUOTED_PATH = /(["'`])\/(?!(?:dev|proc|sys|machine)\/)[^"'`\n]*\1/gu;
const PROCESS = /\bpid \d+(?: \([^)\n]*\))?/g;

/** See {@link Redactor}. Pure. */
export function createRedactor(names: HostNames): Redactor {
  const known = (words: readonly string[]) =>
    [...new Set(words)]
      .filter((word) => word.length >= LEAST_CHARACTERS.inText && !COMMON.has(word.toLowerCase()))
      .sort((a, b) => b.length - a.length);
  const kinds = [
    { what: 'directory', words: known(names.directories), mark: '<directory>' },
    { what: 'host name', words: known(names.hosts), mark: '<host>' },
    { what: 'user name', words: known(names.users), mark: '<user>' },
  ] as const;
  const patterns = kinds.flatMap(({ what, words, mark }) =>
    words.map((word) => {
      // What stands below a directory goes with it.
      const below = what === 'directory' ? '(?:\\/[^\\s"\'`(),;<>\\]]*)?' : '';
      return { what, pattern: new RegExp(`(?<![\\w-])${escaped(word)}(?![\\w-])${below}`, 'giu'), mark };
    }),
  );
  const without = (text: string, rules: typeof patterns) =>
    rules.reduce((rest, { pattern, mark }) => rest.replace(pattern, mark), text);
  const [directories, others] = [
    patterns.filter(({ what }) => what === 'directory'),
    patterns.filter(({ what }) => what !== 'directory'),
  ];
  return {
    names: (text) => without(text, patterns),
    hostText(text) {
      // Paths first: they hold names.
      const placeless = without(text, directories).replace(QUOTED_PATH, '$1<path>$1').replace(PATH, '<path>');
      return without(placeless, others).replace(PROCESS, 'pid 0');
    },
    find: (bytes) =>
      kinds.flatMap(({ what, words }) => {
        const times = words
          .filter((word) => word.length >= LEAST_CHARACTERS.inBytes)
          .reduce((sum, word) => sum + occurrences(bytes, word), 0);
        return times === 0 ? [] : [{ what, times }];
      }),
  };
}

function escaped(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

function occurrences(bytes: Buffer, word: string): number {
  let times = 0;
  for (let at = bytes.indexOf(word); at !== -1; at = bytes.indexOf(word, at + word.length)) times += 1;
  return times;
}
