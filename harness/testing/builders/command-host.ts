/** A host for the tests of the command line: a QEMU that is a script, a kernel without code, places of their own. */
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { Test } from 'tap';
import { execa } from 'execa';
import { MADE_CONFIG, makeBzImage, writeTree } from './kernels.js';
import { PACKAGE_ROOT } from '../../cli/context.js';

const MAIN = join(PACKAGE_ROOT, 'dist/cli/main.js');
const DEADLINE_MS = 180_000;

/** How a crashpath process ended. */
export interface Ended {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A working directory, a cache and a QEMU of the test's own. */
export interface MadeHost {
  /** The working directory; empty at first. */
  readonly here: string;
  readonly cache: string;
  /** A directory with a made kernel and its config. */
  readonly kernel: string;
  /** Path of the pretended QEMU. */
  readonly qemu: string;
  /** Runs `crashpath` in `here`. */
  crashpath(words: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Ended>;
}

/** Makes a host inside the test's directory. */
export async function madeHost(t: Test): Promise<MadeHost> {
  const root = t.testdir({ here: {}, cache: {}, kernel: {}, bin: {} });
  const here = join(root, 'here');
  const cache = join(root, 'cache');
  const kernel = join(root, 'kernel');
  await writeTree(kernel, {
    'vmlinuz-6.1.0-1-amd64': makeBzImage(),
    'config-6.1.0-1-amd64': MADE_CONFIG,
  });
  const qemu = await writeQemu(join(root, 'bin'));
  return {
    here,
    cache,
    kernel,
    qemu,
    async crashpath(words, environment = {}) {
      const { exitCode, stdout, stderr } = await execa(process.execPath, [MAIN, ...words], {
        cwd: here,
        reject: false,
        stdin: 'ignore',
        stripFinalNewline: false,
        // The test runner's own hooks would double the time that each process takes.
        env: { NODE_OPTIONS: '', CRASHPATH_CACHE: cache, CRASHPATH_QEMU: qemu, ...environment },
        timeout: DEADLINE_MS,
        killSignal: 'SIGKILL',
      });
      return { exitCode, stdout, stderr };
    },
  };
}

/** The `run` command line that all these hosts can carry out: every guest ends at once. */
export function runWords(host: MadeHost, ...more: string[]): string[] {
  return ['run', 'sysrq-task', '--kernel', host.kernel, '--accel', 'tcg', ...more];
}

/** Words of each guest that the pretended QEMU was started with, in order. */
export async function guestsOf(host: MadeHost): Promise<string[][]> {
  const text = await readFile(`${host.qemu}.guests`, 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\0').slice(0, -1));
}

/** Everything below a directory, relative paths in order. */
export async function treeOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.map((entry) => relative(directory, join(entry.parentPath, entry.name))).sort();
}

async function writeQemu(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  const file = join(directory, 'qemu-system-x86_64');
  await writeFile(
    file,
    `#!/bin/sh
case "$*" in
--version) echo 'QEMU emulator version 9.8.7 (pretended)'; exit 0;;
'-accel help') printf 'Accelerators supported in QEMU binary:\\ntcg\\nkvm\\n'; exit 0;;
'-machine help') printf 'Supported machines are:\\npc    Standard\\nq35   Standard\\nisapc ISA-only\\n'; exit 0;;
'-cpu help') printf 'Available CPUs:\\n  max     all features\\n  qemu64  generic\\n\\nRecognized CPUID flags:\\n  sse\\n'; exit 0;;
*'-qmp stdio'*) case "$*" in
  *broken=*) echo "qemu: Property 'pc-machine.broken' not found" >&2; exit 1;;
  *) echo '{"QMP": {}}'; exit 0;; esac;;
esac
printf '%s\\0' "$@" >>'${file}.guests'
echo >>'${file}.guests'
echo 'this QEMU is a script' >&2
exit 1
`,
  );
  await chmod(file, 0o755);
  return file;
}
