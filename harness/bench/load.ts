import { execa } from 'execa';
import which from 'which';

/** A busy loop that ends when its parent is gone. */
const BUSY = 'const parent = process.ppid; while (process.ppid === parent) for (let i = 0; i < 1e8; i += 1);';

/**
 * Runs `work` while so many busy loops occupy the host's CPUs: Debian's `stress`, or Node where it is missing. They are
 * ended before this returns, and the kernel kills them when this process is killed.
 */
export async function withLoad<T>(loops: number, work: () => Promise<T>): Promise<T> {
  if (loops === 0) return work();
  const stress = await which('stress', { nothrow: true });
  const command: readonly [string, ...string[]] =
    stress === null ? [process.execPath, '-e', BUSY] : [stress, '--quiet', '--cpu', '1'];
  const options = { reject: false, stdio: 'ignore', forceKillAfterDelay: 1000 } as const;
  const running = Array.from({ length: loops }, () =>
    execa('setpriv', ['--pdeathsig', 'TERM', ...command], options),
  );
  try {
    return await work();
  } finally {
    for (const one of running) one.kill();
    await Promise.all(running);
  }
}
