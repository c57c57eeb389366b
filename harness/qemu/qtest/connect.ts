import { setTimeout as sleep } from 'node:timers/promises';
import { isNotListeningYet, openTransport } from '../qmp/transport.js';
import { QtestClient } from './client.js';
import { QtestTimeoutError } from './errors.js';

/** Pause between attempts while QEMU has not created its socket; a QEMU needs some 50 ms for that. */
const RETRY_EVERY_MS = 20;
const CONNECT_DEADLINE_MS = 10_000;

/**
 * Connects to a qtest channel: `-chardev socket,id=qtest,path=P,server=on,wait=off -qtest chardev:qtest -qtest-log none`.
 * QEMU 7.2 looks the chardev up by the name `qtest`, whatever -qtest says. While nobody listens yet it tries again until the deadline. The guest does not notice.
 *
 * @throws QtestTimeoutError, the operating system's error when connecting is hopeless, the signal's reason.
 */
export async function connectQtest(
  { path }: { readonly path: string },
  options: {
    readonly connectDeadlineMs?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<QtestClient> {
  const deadlineMs = options.connectDeadlineMs ?? CONNECT_DEADLINE_MS;
  const deadline = AbortSignal.timeout(deadlineMs);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  let lastError: unknown;
  while (!signal.aborted) {
    const client = new QtestClient();
    try {
      // The bound is the WebSocket's; a Unix socket has no messages.
      client.attach(await openTransport({ path }, client.handlers, { maxMessageBytes: 0, signal }));
      return client;
    } catch (error) {
      if (signal.aborted) break;
      if (!isNotListeningYet(error)) throw error;
      lastError = error;
    }
    // An abort ends the pause early; the loop's condition sees it.
    await sleep(RETRY_EVERY_MS, undefined, { signal }).catch(() => {});
  }
  options.signal?.throwIfAborted();
  const why = lastError instanceof Error ? lastError.message : 'no answer';
  throw new QtestTimeoutError(
    `cannot connect to qtest "${path}" within ${deadlineMs} ms: ${why}; is QEMU running, with -qtest?`,
    deadlineMs,
    lastError,
  );
}
