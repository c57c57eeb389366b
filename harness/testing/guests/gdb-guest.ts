import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRequestWriter } from '../../guest/control.js';
import { buildImages } from '../../image/build-images.js';
import { resolveKernel } from '../../kernel/index.js';
import { startQemu } from '../../machine/qemu/process.js';
import { connectQmp, type QmpClient } from '../../qemu/qmp/index.js';

/** A stock kernel with crashpath's own init, under TCG, with a gdbstub; killed on dispose. */
export interface RealGuest extends AsyncDisposable {
  /** Path of the gdbstub's socket. */
  readonly gdb: string;
  readonly qmp: QmpClient;
  /** Runs a shell script in the guest and returns its output. */
  sh(script: string): Promise<string>;
  /** Sends a script and does not wait. */
  launch(script: string): void;
  /** Loads the crash kernel. */
  arm(): Promise<void>;
  /** The console's output. */
  console(): string;
  /** Resolves when the console has printed it, or a frame of the control channel has that kind. */
  until(test: (seen: { console: string; control: string }) => boolean, limitMs: number): Promise<boolean>;
}

const POLL_MS = 20;

/** Boots it to the first frame of its init. */
export async function bootGuest(cacheDir: string, cpus: number): Promise<RealGuest> {
  const kernel = await resolveKernel(process.env['CRASHPATH_TEST_KERNEL'] ?? 'debian:6.1', { cacheDir });
  const images = await buildImages({ captureKernel: kernel, modules: [], captureModules: [] }, { cacheDir });
  const directory = await mkdtemp(join(tmpdir(), 'gdb-guest-'));
  const heard = { console: '', control: '' };
  let control: Socket | undefined;
  const servers: Server[] = [];
  for (const name of ['console', 'control'] as const) {
    const server = createServer((socket) => {
      if (name === 'control') control = socket;
      socket.on('error', () => socket.destroy());
      socket.on('data', (bytes) => {
        heard[name] += bytes.toString('latin1');
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(join(directory, `${name}.sock`), resolve));
  }
  const args = [
    ['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'pc', '-accel', 'tcg,thread=multi'],
    ['-cpu', 'max', '-smp', String(cpus), '-m', '768M', '-kernel', kernel.bzImage],
    ['-initrd', images.production.path, '-append', 'console=ttyS0,115200 crashkernel=192M nokaslr quiet'],
    ['-chardev', 'socket,id=console,path=console.sock', '-serial', 'chardev:console'],
    ['-chardev', 'socket,id=control,path=control.sock', '-serial', 'chardev:control'],
    ['-chardev', 'socket,id=gs,path=gdb.sock,server=on,wait=off', '-gdb', 'chardev:gs'],
    ['-chardev', 'socket,id=qmp,path=qmp.sock,server=on,wait=off', '-qmp', 'chardev:qmp'],
    ['-action', 'reboot=shutdown,shutdown=pause,panic=none'],
  ].flat();
  const qemu = await startQemu('qemu-system-x86_64', args, directory);
  const dispose = async (): Promise<void> => {
    await qemu.stop();
    for (const server of servers) server.close();
    control?.destroy();
    await rm(directory, { recursive: true, force: true });
  };
  const until: RealGuest['until'] = async (test, limitMs) => {
    const endMs = performance.now() + limitMs;
    while (!test(heard)) {
      if (performance.now() > endMs) return false;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return true;
  };
  const requests = createRequestWriter();
  const send = ({ id, bytes }: { id: number; bytes: Buffer }): number => {
    control?.write(bytes);
    return id;
  };
  try {
    const qmp = await connectQmp({ path: join(directory, 'qmp.sock') });
    if (!(await until(({ control }) => control.includes('"hello"'), 60_000))) {
      throw new Error(`no guest: ${qemu.stderrTail()} ${heard.console.slice(-500)}`);
    }
    return {
      gdb: join(directory, 'gdb.sock'),
      qmp,
      console: () => heard.console,
      until,
      launch: (script) => {
        send(requests.script(script));
      },
      sh: async (script) => {
        const id = send(requests.script(script));
        const reply = new RegExp(`"ev":"reply","id":${id},"status":\\d+,[^}]*"out":"([^"]*)"`, 'u');
        if (!(await until(({ control }) => reply.test(control), 20_000)))
          throw new Error(`no answer: ${script}`);
        return Buffer.from(reply.exec(heard.control)?.[1] ?? '', 'base64').toString();
      },
      arm: async () => {
        send(
          requests.arm('cp0123456789', {
            loadSyscall: 'kexec_load',
            append: 'console=ttyS0,115200 irqpoll nr_cpus=1 reset_devices',
          }),
        );
        await until(({ control }) => loadedFlag(control) !== undefined, 30_000);
        if (loadedFlag(heard.control) !== '1') throw new Error('the crash kernel did not load');
      },
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** /sys/kernel/kexec_crash_loaded in the complete frame; `undefined` while there is none. */
function loadedFlag(control: string): string | undefined {
  const out = /"ev":"armed","id":\d+,"out":"([^"]*)"/u.exec(control)?.[1] ?? '';
  return /loaded=(\d)/u.exec(Buffer.from(out, 'base64').toString())?.[1];
}
