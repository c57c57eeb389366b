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
 * Ends the command when its parent is not the one that is named as `$0`: a parent that died before its child had asked to
 * be killed with it leaves no signal behind. `$PPID` is that of the shell's start (POSIX), after setpriv.
 */
const STILL_CHILD = '[ "$PPID" = "$0" ] && exec "$@"';

/**
 * A command prefix with which the kernel kills the command when its parent dies, even by SIGKILL: a guest on a broken KVM
 * would otherwise spin forever. With `parent`, the process that starts it, the command does not start without that one.
 * Empty without a suitable setpriv.
 */
export async function parentDeathPrefix(parent?: number): Promise<readonly string[]> {
  setprivFound ??= findPdeathsigSetpriv();
  const setpriv = await setprivFound;
  if (setpriv === undefined) return [];
  const still = parent === undefined ? [] : ['sh', '-c', STILL_CHILD, String(parent)];
  return [setpriv, '--pdeathsig', 'KILL', '--', ...still];
}

/** Asked once in this process: each run starts a QEMU. */
let setprivFound: Promise<string | undefined> | undefined;
