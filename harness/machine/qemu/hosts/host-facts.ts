/** What a host says about itself; all of it validated, none of it trusted. */
export interface HostFacts {
  /** Absolute path of crashpath's folder there. */
  readonly cache: string;
  /** Of its kernel; undefined where it does not tell. */
  readonly bootId: string | undefined;
  /** `Linux 6.1.0-23-amd64 x86_64`, printable ASCII. */
  readonly kernel: string;
  readonly cpus: number;
  /** MiB; undefined where it does not tell. */
  readonly memoryMib: number | undefined;
  /** Free space for crashpath's folder, MiB. */
  readonly diskMib: number | undefined;
  /** Of the programs that were asked for, those that it has. */
  readonly programs: ReadonlySet<string>;
}

const MOST_CPUS = 4096;

/** A program that runs use there. */
interface NeededProgram {
  readonly name: string;
  readonly neededFor: string;
  readonly debianPackage: string;
}

/** Programs without which nothing runs; busybox has all of them. */
export const NEEDED_PROGRAMS: readonly NeededProgram[] = [
  { name: 'cat', neededFor: 'consoles', debianPackage: 'coreutils' },
  { name: 'mkfifo', neededFor: 'consoles', debianPackage: 'coreutils' },
  { name: 'mv', neededFor: 'uploads', debianPackage: 'coreutils' },
  { name: 'rm', neededFor: 'leaving nothing behind', debianPackage: 'coreutils' },
  { name: 'sha256sum', neededFor: 'uploads', debianPackage: 'coreutils' },
  { name: 'sleep', neededFor: 'ending QEMU when the connection is lost', debianPackage: 'coreutils' },
  { name: 'tail', neededFor: "QEMU's log", debianPackage: 'coreutils' },
  { name: 'touch', neededFor: 'the cache of kernels', debianPackage: 'coreutils' },
];

/** Programs that make something faster or surer. */
export const USEFUL_PROGRAMS: readonly NeededProgram[] = [
  { name: 'gzip', neededFor: 'sending memory compressed', debianPackage: 'gzip' },
  { name: 'setpriv', neededFor: 'ending QEMU when its supervisor is killed', debianPackage: 'util-linux' },
  { name: 'find', neededFor: 'removing old kernels from the cache', debianPackage: 'findutils' },
];

/** Reads the output of the facts' script; undefined when it is not complete. Pure. */
export function parseHostFacts(output: string): HostFacts | undefined {
  const lines = output.split('\n');
  if (!lines.includes('end facts')) return undefined;
  const value = (key: string, form: RegExp) =>
    lines
      .map((line) => form.exec(line.startsWith(`${key} `) ? line.slice(key.length + 1) : '')?.[0])
      .find(Boolean);
  const cache = value('home', /^\/[\x21-\x7e]{1,200}$/);
  if (cache === undefined) return undefined;
  const number = (key: string) => {
    const text = value(key, /^\d{1,15}$/);
    return text === undefined ? undefined : Number(text);
  };
  const [memoryKib, diskKib] = [number('memory'), number('disk')];
  const mib = (kib: number | undefined) => (kib === undefined ? undefined : Math.floor(kib / 1024));
  return {
    cache,
    bootId: value('boot', /^[0-9a-f-]{36}$/),
    kernel: value('kernel', /^[\x20-\x7e]{1,100}$/) ?? 'an unknown system',
    cpus: Math.min(MOST_CPUS, Math.max(1, number('cpus') ?? 1)),
    memoryMib: mib(memoryKib),
    diskMib: mib(diskKib),
    programs: new Set(lines.flatMap((line) => /^program ([a-z0-9]{1,20})$/.exec(line)?.[1] ?? [])),
  };
}

/** What every run needs and the host lacks, with the remedy; undefined when there is nothing. Pure. */
export function missingPrograms({ programs }: HostFacts): string | undefined {
  const missing = NEEDED_PROGRAMS.filter(({ name }) => !programs.has(name));
  if (missing.length === 0) return undefined;
  const names = missing.map(({ name, neededFor }) => `${name} (for ${neededFor})`).join(', ');
  const packages = [...new Set(missing.map(({ debianPackage }) => debianPackage))].join(' ');
  return `it has no ${names}; install ${packages} there, or busybox with these applets`;
}
