/** A QEMU that is a shell script: it answers queries about QEMU itself, and runs no guest. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeProgram } from '../files.js';

const NAME = 'qemu-system-x86_64';
const VERSION = "--version) echo 'QEMU emulator version 9.8.7 (pretended)'; exit 0;;";

/** How the guests of the accelerator's probe behave. */
export interface ProbeGuests {
  /** Shell lines in place of a probe guest under KVM. */
  readonly kvm: string;
  /** The same under TCG; counts for 300 ms and ends well when absent. */
  readonly tcg?: string;
  /** Names listed by `-accel help`. */
  readonly builtIn?: readonly string[];
}

/**
 * Writes a QEMU whose probe guests behave as given, independent of the host's KVM. Every guest that it should run is
 * logged in a file next to it, see {@link guestsRun}.
 */
export function writeProbedQemu(folder: string, guests: ProbeGuests): Promise<string> {
  const file = join(folder, NAME);
  return writeProgram(
    file,
    `case "$*" in
${VERSION}
${acceleratorHelp(guests.builtIn ?? ['tcg', 'kvm'])}
*'-accel kvm'*) echo kvm >>'${file}.runs'; ${guests.kvm};;
*'-accel tcg'*) echo tcg >>'${file}.runs'; ${guests.tcg ?? 'printf S; sleep 0.3; exit 85'};;
esac
exit 1
`,
  );
}

/**
 * Writes a QEMU that knows a few machines and CPU models, refuses a machine with `broken=`, and whose guests end at
 * once with an error. The arguments of each guest are in `<file>.guests`, one line each, separated by NUL.
 */
export function writeDeadQemu(folder: string): Promise<string> {
  const file = join(folder, NAME);
  return writeProgram(
    file,
    `case "$*" in
${VERSION}
${acceleratorHelp(['tcg', 'kvm'])}
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
}

function acceleratorHelp(names: readonly string[]): string {
  const list = ['Accelerators supported in QEMU binary:', ...names].join('\\n');
  return `'-accel help') printf '${list}\\n'; exit 0;;`;
}

/** Accelerators of the guests that a pretended QEMU should run, in order. */
export async function guestsRun(file: string): Promise<string[]> {
  const text = await readFile(`${file}.runs`, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}
