import {
  type ConnectLimits,
  connectSocket,
  connectWhenListening,
  nameOfTarget,
  type SocketTarget,
} from '../socket/connect-when-listening.js';
import { QmpClient } from './client.js';
import { Connection } from './connection.js';
import { QmpTimeoutError } from './errors.js';
import { DEFAULT_DEADLINE_MS, type QmpOptions, withDefaults } from './options.js';

/**
 * Where the monitor listens: a Unix socket, a stream that the caller opens, or a WebSocket (`ws:`, `wss:` or
 * `ws+unix:/path.sock:/`).
 */
export type QmpTarget = SocketTarget | { readonly url: string };

/**
 * Connects to a QMP monitor, reads its greeting and negotiates capabilities. Retries while nothing listens yet,
 * until the deadline.
 *
 * @throws QmpTimeoutError (its `cause` is the last connection error), QmpClosedError when QEMU hangs up during
 *   the handshake, QmpProtocolError when the peer does not speak QMP, QmpCommandError when it refuses the
 *   capabilities, the operating system's error when connecting is hopeless (e.g. EACCES), the signal's reason.
 */
export async function connectQmp(target: QmpTarget, options: QmpOptions = {}): Promise<QmpClient> {
  const settled = withDefaults(options);
  const address = isSocket(target) ? nameOfTarget(target) : target.url;
  const budgetMs = options.connectDeadlineMs ?? DEFAULT_DEADLINE_MS;
  const startedMs = performance.now();
  // At least 1 ms, so that the wait itself reports the passed deadline with its own words.
  const leftMs = (): number => Math.max(1, budgetMs - (performance.now() - startedMs));

  const connection = await open(target, () => new Connection(address, settled), {
    deadlineMs: budgetMs,
    signal: options.signal,
    what: `QMP monitor "${address}"`,
    remedy: 'is QEMU running?',
    timeoutError: QmpTimeoutError,
    maxMessageBytes: settled.maxMessageBytes,
  });
  try {
    const greeting = await connection.awaitGreeting(leftMs(), options.signal);
    const oobEnabled = options.oob === true && greeting.capabilities.includes('oob');
    await negotiate(connection, {
      oobEnabled,
      leftMs: leftMs(),
      signal: options.signal,
      isWebSocket: !isSocket(target),
    });
    return new QmpClient(connection, { greeting, oobEnabled, deadlineMs: settled.deadlineMs });
  } catch (error) {
    await connection.close('the handshake failed');
    throw error;
  }
}

/** A target that names both is reached by its socket. */
function isSocket(target: QmpTarget): target is SocketTarget {
  return 'path' in target || 'open' in target;
}

function open(
  target: QmpTarget,
  makeConnection: () => Connection,
  limits: ConnectLimits & { readonly maxMessageBytes: number },
): Promise<Connection> {
  if (isSocket(target)) return connectSocket(target, makeConnection, limits);
  return connectWhenListening(
    async (handlers, signal) => {
      // The library is loaded by those who need it: a Unix socket does not.
      const { openWebSocket } = await import('./web-socket.js');
      return openWebSocket(target.url, handlers, { maxMessageBytes: limits.maxMessageBytes, signal });
    },
    makeConnection,
    limits,
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
