import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** How a pretended QEMU behaves. */
export interface FakeQemu {
  /** Shell lines that stand for a probe guest under KVM. */
  readonly kvm: string;
  /** The same under TCG; counts for 300 ms and ends well when absent. */
  readonly tcg?: string;
  /** Names listed by `-accel help`. */
  readonly builtIn?: readonly string[];
}

/**
 * For tests: writes an executable script that answers like QEMU, because a host's KVM is what it is. Every guest
 * that it is asked to run is noted in a file next to it, see {@link guestsRun}.
 */
export async function writeFakeQemu(folder: string, fake: FakeQemu): Promise<string> {
  const file = path.join(folder, 'qemu-system-x86_64');
  const accelerators = (fake.builtIn ?? ['tcg', 'kvm']).join('\\n');
  await writeFile(
    file,
    `#!/bin/sh
case "$*" in
--version) echo 'QEMU emulator version 9.8.7 (pretended)'; exit 0;;
'-accel help') printf 'Accelerators supported in QEMU binary:\\n${accelerators}\\n'; exit 0;;
*'-accel kvm'*) echo kvm >>'${file}.runs'; ${fake.kvm};;
*'-accel tcg'*) echo tcg >>'${file}.runs'; ${fake.tcg ?? 'printf S; sleep 0.3; exit 85'};;
esac
exit 1
`,
  );
  await chmod(file, 0o755);
  return file;
}

/** Accelerators of the guests that a pretended QEMU was asked to run, in order. */
export async function guestsRun(file: string): Promise<string[]> {
  const text = await readFile(`${file}.runs`, 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}
