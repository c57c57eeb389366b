import { QmpClient } from './client.js';
import { Connection } from './connection.js';
import { QmpTimeoutError } from './errors.js';
import { openWhenListening } from '../socket/open-when-listening.js';
import { DEFAULT_DEADLINE_MS, withDefaults, type ConnectionOptions, type QmpOptions } from './options.js';
import { openTransport, type QmpTarget } from '../socket/transport.js';

/**
 * Connects to a QMP monitor, reads its greeting and negotiates capabilities. While nobody listens yet it tries
 * again until the deadline.
 *
 * @throws QmpTimeoutError (its `cause` is the last connection error), QmpClosedError when QEMU hangs up during
 *   the handshake, QmpProtocolError when the peer does not speak QMP, QmpCommandError when it refuses the
 *   capabilities, the operating system's error when connecting is hopeless (e.g. EACCES), the signal's reason.
 */
export async function connectQmp(target: QmpTarget, options: QmpOptions = {}): Promise<QmpClient> {
  const settled = withDefaults(options);
  const address = 'path' in target ? target.path : target.url;
  const budgetMs = options.connectDeadlineMs ?? DEFAULT_DEADLINE_MS;
  const startedMs = performance.now();
  // At least 1 ms, so that the wait itself reports the passed deadline with its own words.
  const leftMs = (): number => Math.max(1, budgetMs - (performance.now() - startedMs));

  const connection = await openWithRetries(target, settled, {
    budgetMs,
    leftMs,
    address,
    signal: options.signal,
  });
  try {
    const greeting = await connection.awaitGreeting(leftMs(), options.signal);
    const oobEnabled = options.oob === true && greeting.capabilities.includes('oob');
    await negotiate(connection, {
      oobEnabled,
      leftMs: leftMs(),
      signal: options.signal,
      isWebSocket: 'url' in target,
    });
    return new QmpClient(connection, { greeting, oobEnabled, deadlineMs: settled.deadlineMs });
  } catch (error) {
    await connection.close('the handshake failed');
    throw error;
  }
}

interface Budget {
  readonly budgetMs: number;
  readonly leftMs: () => number;
  readonly address: string;
  readonly signal: AbortSignal | undefined;
}

async function openWithRetries(
  target: QmpTarget,
  options: ConnectionOptions,
  budget: Budget,
): Promise<Connection> {
  const { budgetMs, leftMs, address, signal: given } = budget;
  return openWhenListening(
    async (signal) => {
      const connection = new Connection(address, options);
      const limits = { maxMessageBytes: options.maxMessageBytes, signal };
      connection.attach(await openTransport(target, connection.handlers, limits));
      return connection;
    },
    {
      deadlineMs: Math.ceil(leftMs()),
      signal: given,
      tooLate: (why, cause) =>
        new QmpTimeoutError(
          `cannot connect to QMP monitor "${address}" within ${budgetMs} ms: ${why}; is QEMU running?`,
          budgetMs,
          cause,
        ),
    },
  );
}

interface Negotiation {
  readonly oobEnabled: boolean;
  readonly leftMs: number;
  readonly signal: AbortSignal | undefined;
  readonly isWebSocket: boolean;
}

async function negotiate(connection: Connection, how: Negotiation): Promise<void> {
  const args = how.oobEnabled ? { enable: ['oob'] } : undefined;
  try {
    await connection.request('execute', 'qmp_capabilities', args, {
      deadlineMs: how.leftMs,
      signal: how.signal,
    });
  } catch (error) {
    if (!how.isWebSocket || !(error instanceof QmpTimeoutError)) throw error;
    throw new QmpTimeoutError(
      `${error.message}; over a WebSocket QEMU 7.2 leaves commands unread until something else wakes its ` +
        'monitor thread: use a Unix socket',
      error.deadlineMs,
      error,
    );
  }
}
