import { connectSocket, nameOfTarget, type SocketTarget } from '../socket/connect-when-listening.js';
import { GdbClient } from './client.js';
import { GdbError, GdbProtocolError, GdbTimeoutError } from './errors.js';
import { type Limits, startLimits } from './limits.js';
import { Link } from './link.js';
import { DEFAULT_CONNECT_DEADLINE_MS, DEFAULT_DEADLINE_MS, type GdbOptions, linkOptions } from './options.js';
import { isStopReply } from './stop-reply.js';
import { parseSupported } from './supported.js';
import { command, demand, readLayout, readThreads } from './target.js';
import { formatThreadId, type GdbThread } from './thread-id.js';

/**
 * Where the stub listens: `-chardev socket,id=gs,path=P,server=on,wait=off -gdb chardev:gs`. A Unix socket's path may have
 * 107 bytes; /proc/self/fd/N/name is a short alias.
 */
export type GdbTarget = SocketTarget;

/**
 * Connects to a gdbstub and reads its threads and registers. Retries while nothing listens yet, until the
 * deadline. **Connecting stops the guest** (QEMU does that, gdb_chr_event) and removes breakpoints that an earlier
 * connection left behind.
 *
 * @throws GdbTimeoutError, GdbClosedError when QEMU hangs up, GdbProtocolError when the peer is no stub for x86-64,
 *   GdbRemoteError when it refuses part of the handshake, the operating system's error when connecting is hopeless
 *   (e.g. EACCES), the signal's reason. Nothing stays open.
 */
export async function connectGdb(target: GdbTarget, options: GdbOptions = {}): Promise<GdbClient> {
  const name = nameOfTarget(target);
  const limits = startLimits(
    `connect to gdbstub "${name}"`,
    { deadlineMs: options.connectDeadlineMs, signal: options.signal },
    DEFAULT_CONNECT_DEADLINE_MS,
  );
  const link = await connectSocket(target, () => new Link(name, linkOptions(options)), {
    deadlineMs: limits.deadlineMs,
    signal: limits.signal,
    what: `gdbstub "${name}"`,
    remedy: 'is QEMU running?',
    timeoutError: GdbTimeoutError,
  });
  try {
    return await shakeHands(link, options, limits);
  } catch (error) {
    link.end('the handshake failed', error instanceof GdbError ? error : undefined);
    if (!(error instanceof GdbTimeoutError)) throw error;
    throw new GdbTimeoutError(
      `${error.message}; a stub serves one client at a time, is another one connected?`,
      error.deadlineMs,
      error,
    );
  }
}

async function shakeHands(link: Link, options: GdbOptions, limits: Limits): Promise<GdbClient> {
  const features = parseSupported(await demand(link, 'qSupported:multiprocess+;vContSupported+', limits));
  if (options.noAck === true && features.noAckMode) {
    await command(link, 'QStartNoAckMode', limits);
    link.dropAcks();
  }
  const actions = await demand(link, 'vCont?', limits);
  if (!/^vCont(?=.*;c)(?=.*;s)/u.test(actions)) {
    throw new GdbProtocolError(
      `cannot ${limits.what}: it cannot resume single vCPUs ("${actions.slice(0, 40)}"); use QEMU's gdbstub`,
    );
  }
  const threads = await readThreads(link, limits);
  await removeOldBreakpoints(link, threads.values(), limits);
  return new GdbClient(link, {
    threads,
    layout: await readLayout(link, features, limits),
    features,
    accel: options.accel ?? 'tcg',
    deadlineMs: options.deadlineMs ?? DEFAULT_DEADLINE_MS,
  });
}

/**
 * The breakpoints of an earlier connection outlive it. `?` removes them, under TCG only from the vCPU that is current
 * for control (tcg_remove_all_breakpoints; seen with QEMU 7.2), so it is sent once for each.
 */
async function removeOldBreakpoints(link: Link, threads: Iterable<GdbThread>, limits: Limits): Promise<void> {
  for (const thread of threads) {
    await command(link, `Hc${formatThreadId(thread)}`, limits);
    const halted = await link.request('?', limits, 'halt-query');
    if (isStopReply(halted)) continue;
    throw new GdbProtocolError(
      `cannot ${limits.what}: "${halted.slice(0, 40)}" is no answer to "?"; is it QEMU's gdbstub?`,
    );
  }
}
