import { connectSocket, nameOfTarget, type SocketTarget } from '../socket/connect-when-listening.js';
import { QtestClient } from './client.js';
import { QtestTimeoutError } from './errors.js';

const CONNECT_DEADLINE_MS = 10_000;

/**
 * Connects to a qtest channel: `-chardev socket,id=qtest,path=P,server=on,wait=off -qtest chardev:qtest -qtest-log none`.
 * QEMU 7.2 looks the chardev up by the name `qtest` and ignores the one in -qtest. Retries while nothing listens yet,
 * until the deadline. The guest is not affected.
 *
 * @throws QtestTimeoutError, the operating system's error when connecting is hopeless, the signal's reason.
 */
export async function connectQtest(
  target: SocketTarget,
  options: {
    readonly connectDeadlineMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<QtestClient> {
  return connectSocket(target, () => new QtestClient(), {
    deadlineMs: options.connectDeadlineMs ?? CONNECT_DEADLINE_MS,
    signal: options.signal,
    what: `qtest "${nameOfTarget(target)}"`,
    remedy: 'is QEMU running, with -qtest?',
    timeoutError: QtestTimeoutError,
  });
}
