import { constants, openSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import type { QmpClient } from '../../qemu/qmp/index.js';
import { MachineFailure, type Origin } from '../machine.js';
import { RUN_FILES } from './arguments.js';
import { answer } from './failure.js';
import type { HostPlace } from './host.js';

/** O_TMPFILE (include/uapi/asm-generic/fcntl.h, Linux 6.1), which node does not name: a file that has no name. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
/** Where guests' memory is kept. */
export const SHARED_MEMORY = '/dev/shm';
const ASK_EVERY_MS = 4;
const WITHIN_MS = 30_000;

/**
 * Opens a file for a guest's memory. It has no name: the kernel frees it when the last process that has it open, or maps
 * it, is gone, however those end.
 */
export function openMemoryFile(): number {
  return openSync(SHARED_MEMORY, O_TMPFILE | constants.O_RDWR | constants.O_EXCL, 0o600);
}

/**
 * The words that a template or a clone adds to QEMU's arguments. QEMU opens the file through this process, which has it
 * open. A second `-machine` adds to the first one (QEMU 6.0).
 */
export function originArguments({ kind, memory }: Origin, memoryMiB: number): string[] {
  const file = `memory-backend-file,id=memory,size=${memoryMiB}M,mem-path=/proc/${process.pid}/fd/${memory}`;
  return [
    ...['-object', `${file},share=${kind === 'template' ? 'on' : 'off'}`],
    ...['-machine', 'memory-backend=memory'],
    ...(kind === 'clone' ? ['-incoming', 'defer'] : []),
  ];
}

type Qmp = Pick<QmpClient, 'execute'>;

/**
 * Stops a template and returns the state of its CPUs and devices; its memory stays in the file (QMP capability
 * `x-ignore-shared`, QEMU 4.0). Throws a {@link MachineFailure}.
 */
export async function saveState(qmp: Qmp, place: Pick<HostPlace, 'openStream' | 'remove'>): Promise<Buffer> {
  const server = await place.openStream(RUN_FILES.saveSocket);
  try {
    await answer(qmp.execute('stop'));
    await ignoreShared(qmp);
    await answer(qmp.execute('migrate', { uri: `unix:${RUN_FILES.saveSocket}` }));
    const state = server.connected.then((stream) => buffer(stream));
    // It is awaited below; a failed migration ends it.
    state.catch(() => undefined);
    await ended(qmp, 'save');
    return await state;
  } finally {
    await server.close();
  }
}

/** Gives a clone the state of its template; the guest runs afterwards. Throws a {@link MachineFailure}. */
export async function loadState(qmp: Qmp, place: Pick<HostPlace, 'socket'>, state: Buffer): Promise<void> {
  await ignoreShared(qmp);
  await answer(qmp.execute('migrate-incoming', { uri: `unix:${RUN_FILES.loadSocket}` }));
  const target = place.socket(RUN_FILES.loadSocket);
  if (!('path' in target))
    throw new MachineFailure('cannot clone a machine on another host', { gone: false });
  await new Promise<void>((resolve, reject) => {
    const stream = connect(target.path);
    stream.once('error', (cause) =>
      reject(new MachineFailure(`cannot load the state: ${cause.message}`, { gone: false, cause })),
    );
    stream.end(state, resolve);
  });
  await ended(qmp, 'load');
  // The state says that the template was stopped.
  await answer(qmp.execute('cont'));
}

async function ignoreShared(qmp: Qmp): Promise<void> {
  const capabilities = [{ capability: 'x-ignore-shared', state: true }] as const;
  await answer(qmp.execute('migrate-set-capabilities', { capabilities }));
}

async function ended(qmp: Qmp, what: 'save' | 'load'): Promise<void> {
  const untilMs = performance.now() + WITHIN_MS;
  for (;;) {
    const { status, 'error-desc': why } = await answer(qmp.execute('query-migrate'));
    if (status === 'completed') return;
    if (status === 'failed' || performance.now() > untilMs) {
      throw new MachineFailure(`cannot ${what} the state: ${why ?? `it is ${status ?? 'not begun'}`}`, {
        gone: false,
      });
    }
    await sleep(ASK_EVERY_MS);
  }
}
