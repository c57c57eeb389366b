/** A QEMU that no crashpath started, with a stock kernel that hangs: without a root file system it panics and stays. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { scratch } from '../files.js';

/** Longest life, in case the test forgets it. */
const LIFETIME_MS = 240_000;
const BOOT_MS = 120_000;

/** Its sockets, and a directory that QEMU can write to. */
export interface HungGuest {
  readonly directory: string;
  readonly qmp: string;
  readonly gdb: string;
}

/** Starts it, and waits until it hangs. It is killed when the test ends. */
export async function hungGuest(
  test: { teardown(handler: () => unknown): unknown },
  bzImage: string,
): Promise<HungGuest> {
  const directory = await scratch(test);
  const [qmp, gdb, log] = ['qmp.sock', 'gdb.sock', 'console.log'].map((name) => join(directory, name));
  if (qmp === undefined || gdb === undefined || log === undefined) throw new Error('no names');
  const child = execa(
    'qemu-system-x86_64',
    [
      ['-nodefaults', '-display', 'none', '-machine', 'pc', '-accel', 'tcg', '-cpu', 'max'],
      ['-smp', '2', '-m', '256M', '-kernel', bzImage, '-append', 'console=ttyS0,115200 panic=0'],
      ['-serial', `file:${log}`, '-qmp', `unix:${qmp},server=on,wait=off`],
      ['-chardev', `socket,id=gdb,path=${gdb},server=on,wait=off`, '-gdb', 'chardev:gdb'],
    ].flat(),
    { reject: false, timeout: LIFETIME_MS, killSignal: 'SIGKILL', stdin: 'ignore', stdout: 'ignore' },
  );
  test.teardown(async () => {
    child.kill('SIGKILL');
    await child;
  });
  const until = Date.now() + BOOT_MS;
  while (!(await readFile(log, 'latin1').catch(() => '')).includes('---[ end Kernel panic')) {
    if (Date.now() > until) throw new Error('the guest does not hang');
    await sleep(200);
  }
  return { directory, qmp, gdb };
}
