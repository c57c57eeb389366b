import { execa } from 'execa';
import which from 'which';

const HELP_DEADLINE_MS = 5_000;

/** Path of a setpriv that knows `--pdeathsig` (util-linux 2.33 and newer; busybox's does not), or undefined. */
export async function findPdeathsigSetpriv(searchPath?: string): Promise<string | undefined> {
  const setpriv = await which('setpriv', { nothrow: true, path: searchPath });
  if (setpriv === null) return undefined;
  const help = await execa(setpriv, ['--help'], {
    reject: false,
    all: true,
    stdin: 'ignore',
    timeout: HELP_DEADLINE_MS,
    killSignal: 'SIGKILL',
  });
  return help.all.includes('--pdeathsig') ? setpriv : undefined;
}

/**
 * A command prefix with which the kernel kills the command when this process dies, even by SIGKILL: a guest on a broken
 * KVM would otherwise spin forever. Empty without a suitable setpriv.
 */
export function parentDeathPrefix(): Promise<readonly string[]> {
  prefix ??= findPdeathsigSetpriv().then((setpriv) =>
    setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL', '--'],
  );
  return prefix;
}

/** Asked once in this process: each run starts a QEMU. */
let prefix: Promise<readonly string[]> | undefined;
