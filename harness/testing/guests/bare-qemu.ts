/** A real QEMU without a guest, for tests of its monitor. */
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import { scratchDirectory } from '../files.js';

const PROGRAM = 'qemu-system-x86_64';

/** Longest life of a QEMU in a test, in case the test forgets it. */
const LIFETIME_MS = 60_000;

/** The version of the installed QEMU, e.g. `7.2.22`; `undefined` without one. */
export function installedQemuVersion(): string | undefined {
  const { stdout, failed } = execaSync(PROGRAM, ['--version'], { reject: false, timeout: 10_000 });
  return failed ? undefined : /version (\d+\.\d+\.\d+)/u.exec(stdout)?.[1];
}

/** A QEMU without a guest, killed on dispose. */
export interface RealQemu extends AsyncDisposable {
  /** Unix socket of its first monitor. */
  readonly path: string;
  /** WebSocket address of its second monitor, on a Unix socket. */
  readonly url: string;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly stderr: () => string;
}

/** Starts it, without waiting for its sockets. */
export async function realQemu(): Promise<RealQemu> {
  const directory = await scratchDirectory();
  const path = join(directory.path, 'qmp.sock');
  const webSocketPath = join(directory.path, 'ws.sock');
  let stderr = '';
  const child = execa(
    PROGRAM,
    [
      ['-M', 'none', '-accel', 'tcg', '-display', 'none', '-nodefaults', '-S'],
      ['-qmp', `unix:${path},server=on,wait=off`],
      ['-chardev', `socket,id=ws,path=${webSocketPath},server=on,wait=off,websocket=on`],
      ['-qmp', 'chardev:ws'],
    ].flat(),
    { reject: false, timeout: LIFETIME_MS, killSignal: 'SIGKILL', stdin: 'ignore', stdout: 'ignore' },
  );
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return {
    path,
    url: `ws+unix:${webSocketPath}:/`,
    kill: (signal) => child.kill(signal),
    stderr: () => stderr,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await child;
      await directory[Symbol.asyncDispose]();
    },
  };
}
