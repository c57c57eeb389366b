import { setTimeout as sleep } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import type { QmpClient } from '../../qemu/qmp/index.js';
import { messageOf } from '../../model/errno.js';
import { MachineFailure, type Origin } from '../machine.js';
import { RUN_FILES } from './arguments.js';
import { answer } from './failure.js';
import type { HostPlace } from './host.js';

const ASK_EVERY_MS = 4;
const WITHIN_MS = 30_000;

/** Options with a value that a boot needs, and a clone does not: its kernel is in the template's memory. */
const BOOT_OPTIONS: ReadonlySet<string> = new Set(['-kernel', '-initrd', '-append']);

/**
 * QEMU's arguments for a template or a clone, from those of the same machine that boots. A second `-machine` adds to the
 * first one (QEMU 6.0). A clone's QEMU does not read the files of the kernel, of which it would keep a copy: they are
 * fw_cfg entries, which firmware reads at a boot, and no part of a saved state (QEMU 7.2, hw/i386/x86.c,
 * x86_load_linux(); hw/nvram/fw_cfg.c, vmstate_fw_cfg).
 */
export function argumentsFrom(
  { kind, memory }: Origin,
  planned: readonly string[],
  { memoryMiB }: { readonly memoryMiB: number },
): string[] {
  const file = `memory-backend-file,id=memory,size=${memoryMiB}M,mem-path=${memory}`;
  const isLeftOut = (index: number) => kind === 'clone' && BOOT_OPTIONS.has(planned[index] ?? '');
  return [
    ...planned.filter((_, index) => !isLeftOut(index) && !isLeftOut(index - 1)),
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

/** Gives a clone the state of its template; the guest is stopped, as that was. Throws a {@link MachineFailure}. */
export async function loadState(qmp: Qmp, place: Pick<HostPlace, 'connect'>, state: Buffer): Promise<void> {
  await ignoreShared(qmp);
  await answer(qmp.execute('migrate-incoming', { uri: `unix:${RUN_FILES.loadSocket}` }));
  const failed = (cause: unknown) =>
    new MachineFailure(`cannot load the state: ${messageOf(cause)}`, { gone: false, cause });
  const stream = await place.connect(RUN_FILES.loadSocket).catch((cause: unknown) => {
    throw failed(cause);
  });
  await new Promise<void>((resolve, reject) => {
    stream.once('error', (cause) => reject(failed(cause)));
    stream.end(state, resolve);
  });
  await ended(qmp, 'load');
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
