import { once } from 'node:events';
import { harnessFault } from '../../../model/fault.js';
import { connectQmp, QmpError } from '../../../qemu/qmp/index.js';
import { openDuplex } from '../../../qemu/socket/duplex.js';
import type { SshConnection } from '../../../ssh/connection.js';
import { HostLost } from '../../../ssh/host-lost.js';
import { RUN_FILES } from '../arguments.js';
import { NIC_SOCKETS } from '../nic.js';
import { MONITOR_SCRIPT } from './scripts.js';
import type { Supervisor } from './supervisor.js';

const DEADLINE_MS = 20_000;

/** A QEMU without a machine, with a monitor as a run has it, and the socket of a card. */
const WITHOUT_MACHINE = [
  ...['-machine', 'none', '-nodefaults', '-no-user-config', '-display', 'none', '-S'],
  ...['-chardev', `socket,id=net,path=${NIC_SOCKETS.frames},server=on,wait=off`],
  ...['-chardev', 'pipe,id=qmp,path=qmp', '-mon', 'chardev=qmp,mode=control'],
];

/** Sessions that a run with a debugger, a card and a log that is read has open at once, beside its supervisor's. */
const SESSIONS = 9;

/** A QEMU on a host, with its supervisor. */
export interface TriedHost {
  readonly connection: SshConnection;
  readonly supervisor: Supervisor;
  /** The directory's name. */
  readonly name: string;
}

/**
 * Starts a QEMU as a run does, and waits for its monitor. Resolves with whether the ssh server forwards Unix sockets, which
 * raw frames need. Throws a harness fault when QEMU does not start.
 */
export async function tryQemu(
  { connection, supervisor, name }: TriedHost,
  qemuBinary: string,
): Promise<{ readonly forwards: boolean }> {
  const { host } = connection;
  await supervisor.startQemu([qemuBinary, ...WITHOUT_MACHINE]);
  const gone = new AbortController();
  void supervisor.ended.then(() => gone.abort());
  const open = openDuplex(async () => {
    const { channel } = await connection.start({ text: MONITOR_SCRIPT, args: [name, 'qmp'] });
    channel.stderr.resume();
    return channel;
  });
  try {
    const qmp = await connectQmp(
      { name: `${host}:qmp`, open },
      { connectDeadlineMs: DEADLINE_MS, signal: gone.signal },
    );
    await qmp.close();
  } catch (error) {
    if (error instanceof HostLost) throw error;
    if (!(error instanceof QmpError) && !gone.signal.aborted) throw error;
    const said = supervisor.stderrTail.trim().split('\n').at(-1) ?? '';
    throw harnessFault(
      `cannot start QEMU "${qemuBinary}" on host "${host}": ${said || 'its monitor does not answer'}; try it there by hand`,
      error,
    );
  }
  await openSessions(connection);
  try {
    (await connection.connectUnix(`${supervisor.directory}/${NIC_SOCKETS.frames}`)).destroy();
    // The state of a template comes back this way.
    (await connection.listenUnix(`${supervisor.directory}/${RUN_FILES.saveSocket}`)).close();
    return { forwards: true };
  } catch (error) {
    if (error instanceof HostLost) throw error;
    return { forwards: false };
  }
}

/** Throws HostLost when the server allows fewer sessions on a connection than a run needs (MaxSessions of OpenSSH). */
async function openSessions(connection: SshConnection): Promise<void> {
  const open: Awaited<ReturnType<SshConnection['start']>>[] = [];
  try {
    while (open.length < SESSIONS) open.push(await connection.start({ text: 'cat >/dev/null' }));
  } finally {
    for (const { channel } of open) {
      channel.stderr.resume();
      channel.resume();
      channel.end();
    }
    await Promise.all(open.map(({ channel }) => once(channel, 'close')));
  }
}
