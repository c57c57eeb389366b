/** Processes of this host, and waiting for what they do. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 50;

/** Polls until `test` returns a value or `limitMs` have passed; `undefined` for the latter. */
export async function eventually<T>(
  test: () => Promise<T | undefined>,
  limitMs: number,
): Promise<T | undefined> {
  const untilMs = performance.now() + limitMs;
  for (;;) {
    const value = await test();
    if (value !== undefined || performance.now() > untilMs) return value;
    await sleep(POLL_MS);
  }
}

/** Process ids whose command line holds a word, of any parent. */
export async function processesNamed(word: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'latin1').catch(() => '');
    if (command.includes(word)) found.push(Number(name));
  }
  return found;
}

/** Process ids of QEMUs whose working directory lies under `directory`. */
export async function qemusUnder(directory: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await processesNamed('qemu-system')) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (cwd.startsWith(directory)) found.push(pid);
  }
  return found;
}
