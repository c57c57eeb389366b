import { execa } from 'execa';

/** A busy loop that ends when its parent is gone. */
const BUSY = 'const parent = process.ppid; while (process.ppid === parent) for (let i = 0; i < 1e8; i += 1);';

/**
 * Runs `work` while so many busy loops occupy the host's CPUs, as `stress --cpu` does. They are ended before this
 * returns, and end by themselves when this process is killed (the workers of `stress` would not).
 */
export async function withLoad<T>(loops: number, work: () => Promise<T>): Promise<T> {
  const options = { reject: false, stdio: 'ignore', forceKillAfterDelay: 1000 } as const;
  const running = Array.from({ length: loops }, () => execa(process.execPath, ['-e', BUSY], options));
  try {
    return await work();
  } finally {
    for (const one of running) one.kill();
    await Promise.all(running);
  }
}
