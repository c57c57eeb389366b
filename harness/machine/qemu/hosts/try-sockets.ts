import { setTimeout as sleep } from 'node:timers/promises';
import { harnessFault, usageFault } from '../../../model/fault.js';
import type { SshConnection } from '../../../ssh/connection.js';
import { RUN_FILES } from '../arguments.js';
import { SOCKET_SCRIPT } from './scripts.js';
import type { Supervisor } from './supervisor.js';

const DEADLINE_MS = 20_000;
const AGAIN_MS = 100;
const ASK_DEADLINE_MS = 20_000;
/** A server that does not forward, and one on which nothing listens, give the same answer (OpenSSH 9.2, serverloop.c). */
const REFUSED_MOST = 3;

/** A QEMU without a machine, which only listens. */
const LISTENS = [
  ...['-machine', 'none', '-nodefaults', '-no-user-config', '-display', 'none', '-S'],
  ...['-chardev', `socket,id=qmp,path=${RUN_FILES.qmpSocket},server=on,wait=off`],
  ...['-mon', 'chardev=qmp,mode=control'],
];

/**
 * Starts a QEMU as a run does, and connects to a socket on which it listens. Throws a usage fault when the ssh server does
 * not forward Unix sockets, a harness fault when QEMU does not start.
 */
export async function tryUnixSockets(
  { connection, supervisor }: { readonly connection: SshConnection; readonly supervisor: Supervisor },
  { name, qemuBinary }: { readonly name: string; readonly qemuBinary: string },
): Promise<void> {
  const { host } = connection;
  await supervisor.startQemu([qemuBinary, ...LISTENS]);
  let isOver = false;
  void supervisor.ended.then(() => {
    isOver = true;
  });
  const untilMs = performance.now() + DEADLINE_MS;
  for (let refused = 0; !isOver && performance.now() < untilMs; ) {
    const isThere = await isSocket(connection, name);
    try {
      (await connection.connectUnix(`${supervisor.directory}/${RUN_FILES.qmpSocket}`)).destroy();
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) throw error;
    }
    // QEMU listens as soon as the socket is there.
    if (isThere) refused += 1;
    if (refused >= REFUSED_MOST) {
      throw usageFault(
        `cannot use host "${host}": its ssh server does not forward Unix sockets; set "AllowStreamLocalForwarding yes" in its sshd_config (and no DisableForwarding, no "restrict" before the key)`,
      );
    }
    await sleep(AGAIN_MS);
  }
  const said = supervisor.stderrTail.trim().split('\n').at(-1) ?? '';
  throw harnessFault(
    `cannot start QEMU "${qemuBinary}" on host "${host}": ${said || 'it opens no socket'}; try it there by hand`,
  );
}

async function isSocket(connection: SshConnection, name: string): Promise<boolean> {
  const script = { text: SOCKET_SCRIPT, args: [name, RUN_FILES.qmpSocket] };
  const { status } = await connection.run(script, { deadlineMs: ASK_DEADLINE_MS });
  return status === 0;
}
