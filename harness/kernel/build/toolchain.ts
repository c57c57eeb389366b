import { usageFault } from '../../model/fault.js';
import type { KernelOptions } from '../options.js';
import { runTool } from '../tool.js';
import which from 'which';

const ASK_DEADLINE_MS = 30_000;

/** Program (or header, for the compiler) and its Debian package. */
const PROGRAMS: readonly (readonly [program: string, debian: string])[] = [
  ['gcc', 'gcc'],
  ['ld', 'binutils'],
  ['make', 'make'],
  ['flex', 'flex'],
  ['bison', 'bison'],
  ['bc', 'bc'],
  ['patch', 'patch'],
  ['tar', 'tar'],
  ['xz', 'xz-utils'],
];
/** objtool, which every x86-64 kernel builds for itself, needs libelf. */
const LIBELF_HEADER = 'gelf.h';

/** Compiler and linker of this host. */
export interface Toolchain {
  /** First lines of `gcc --version` and `ld --version`. */
  readonly identity: string;
  /** Compiler command, with ccache where that is installed. */
  readonly cc: string;
}

/** The compiler and linker of this host; undefined when one of them is not installed. */
export async function findToolchain(options: KernelOptions): Promise<Toolchain | undefined> {
  const lines: string[] = [];
  for (const program of ['gcc', 'ld'] as const) {
    const asked = await runTool([program, '--version'], {
      deadlineMs: ASK_DEADLINE_MS,
      signal: options.signal,
    });
    if (!asked.ok) return undefined;
    lines.push(asked.stdout.split('\n')[0] ?? '');
  }
  return { identity: lines.join('\n'), cc: (await has('ccache')) ? 'ccache gcc' : 'gcc' };
}

/** A usage Fault that names the packages to install when this host cannot build a kernel. */
export async function requireBuildTools(what: string, options: KernelOptions): Promise<void> {
  const missing: string[] = [];
  for (const [program, debian] of PROGRAMS) if (!(await has(program))) missing.push(debian);
  if (!missing.includes('gcc')) {
    const probe = await runTool(
      ['gcc', '-E', '-include', LIBELF_HEADER, '-x', 'c', '/dev/null', '-o', '/dev/null'],
      {
        deadlineMs: ASK_DEADLINE_MS,
        signal: options.signal,
      },
    );
    if (!probe.ok) missing.push('libelf-dev');
  }
  if (missing.length === 0) return;
  throw usageFault(
    `cannot build kernel "${what}": this host lacks ${missing.join(', ')}; run: apt-get install ${missing.join(' ')}`,
  );
}

async function has(program: string): Promise<boolean> {
  return (await which(program, { nothrow: true })) !== null;
}
