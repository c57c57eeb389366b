import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { ClientChannel } from 'ssh2';
import { foldLine } from '../../../model/escape.js';
import { harnessFault } from '../../../model/fault.js';
import { openDuplex } from '../../../qemu/socket/duplex.js';
import { FORWARDING_REMEDY, type SshConnection } from '../../../ssh/connection.js';
import { HostLost } from '../../../ssh/host-lost.js';
import { MachineFailure } from '../../machine.js';
import { RUN_FILES } from '../arguments.js';
import type { HostPlace } from '../host.js';
import { pollHostTime, timesOf } from '../host-time.js';
import { NIC_SOCKETS } from '../nic.js';
import { groupBytes } from '../uart.js';
import { argumentsThere, type FilesThere, startGdbstub } from './arguments-there.js';
import { MONITOR_SCRIPT, PIPE_SCRIPT, READ_SCRIPT, REMOVE_SCRIPT, TAIL_SCRIPT } from './scripts.js';
import type { Supervisor } from './supervisor.js';

/** A piece of memory over a slow line. */
const READ_DEADLINE_MS = 120_000;
const REMOVE_DEADLINE_MS = 20_000;
/** The log of one cycle has a few kilobytes; a guest can make it long. */
const LOG_MOST_BYTES = 16 * 1024 * 1024;
/** From QEMU's end to the last byte of a UART. */
const DRAIN_DEADLINE_MS = 20_000;

const unzip = promisify(gunzip);

/** The parts of a place on a host over ssh. */
export interface SshPlaceParts {
  /** The run directory on this host. */
  readonly directory: string;
  /** The directory's name there. */
  readonly name: string;
  readonly connection: SshConnection;
  readonly supervisor: Supervisor;
  /** Uploads a file, or finds it there. */
  readonly fileThere: FilesThere;
  readonly hasGzip: boolean;
}

/**
 * A private directory on a host over ssh. QEMU is started with its vCPUs held (`-S`); UARTs and the card are connected when
 * its monitor answers, and then the guest begins: whatever the latency, no byte and no frame is lost.
 */
export function sshPlace(parts: SshPlaceParts): HostPlace {
  const { connection, supervisor, name, directory } = parts;
  const begins: (() => Promise<void>)[] = [];
  const there = (file: string) => `${supervisor.directory}/${file}`;
  let stubs = 0;
  return {
    async openUart(pipe, onBytes) {
      const group = groupBytes(onBytes);
      let channel: ClientChannel | undefined;
      let drained: Promise<void> = Promise.resolve();
      begins.push(async () => {
        const { channel: opened, ended } = await connection.start({ text: PIPE_SCRIPT, args: [name, pipe] });
        channel = opened;
        opened.stderr.resume();
        opened.on('data', (bytes: Buffer) => group.push(bytes));
        drained = new Promise((resolve) => {
          opened.once('end', resolve);
          void ended.then(() => resolve());
        });
      });
      return {
        send(bytes) {
          if (channel?.writable === true) channel.write(bytes);
        },
        async close() {
          const late = new Promise<void>((resolve) => setTimeout(resolve, DRAIN_DEADLINE_MS).unref());
          await Promise.race([drained, late]);
          group.flush();
          channel?.end();
          channel?.close();
        },
      };
    },
    async openStream(socket) {
      if (socket === RUN_FILES.saveSocket) {
        const server = await connection.listenUnix(there(socket)).catch((error: unknown) => {
          throw refused(error, 'save a machine');
        });
        return { connected: server.connected, close: async () => server.close() };
      }
      let stream: Duplex | undefined;
      let connect: (stream: Duplex) => void = () => undefined;
      const connected = new Promise<Duplex>((resolve) => {
        connect = resolve;
      });
      begins.push(async () => {
        stream = await (socket === NIC_SOCKETS.frames
          ? connectFrames(there(socket))
          : openPipe(pipeOf(socket)));
        // Its end is reported by QEMU's.
        stream.on('error', () => stream?.destroy());
        connect(stream);
      });
      return {
        connected,
        close: async () => {
          stream?.destroy();
        },
      };
    },
    async start(binary, args) {
      const pid = await supervisor.startQemu([binary, ...(await argumentsThere(args, parts.fileThere))]);
      return {
        pid,
        exited: supervisor.ended,
        stderrTail: () => supervisor.stderrTail,
        stop: () => supervisor.endQemu(),
      };
    },
    socket: (socket) => ({
      name: `${connection.host}:${socket}`,
      open: openDuplex(() => openPipe(pipeOf(socket))),
    }),
    async connect(socket) {
      return connection.connectUnix(there(socket)).catch((error: unknown) => {
        throw refused(error, 'load the state of a machine');
      });
    },
    async startDebugger(hmp) {
      stubs += 1;
      let said = '';
      for (const command of startGdbstub(stubs)) said = await hmp(command);
      if (said.startsWith('Waiting for gdb')) return;
      throw new MachineFailure(`cannot start the gdbstub on ${connection.host}: ${foldLine(said)}`, {
        gone: false,
      });
    },
    async begin(cont) {
      await Promise.all(begins.map((begin) => begin()));
      await cont();
    },
    reportHostTime(pid, report) {
      return pollHostTime(pid, {
        read(threads) {
          const ask = async () => {
            const times = await supervisor.times(threads.map(({ tid }) => tid));
            const told = threads.flatMap(({ thread, tid }) => {
              const found = times?.get(tid);
              const time = found === undefined ? undefined : timesOf(found);
              return time === undefined ? [] : [{ thread, ...time }];
            });
            if (told.length > 0) report({ fact: 'host-time', threads: told });
          };
          void ask();
        },
      });
    },
    roundTripMs: () => supervisor.roundTripMs,
    async read(file, bytes) {
      const how = parts.hasGzip ? 'gzip' : 'plain';
      const { status, stdout, stderr } = await connection.run(
        { text: READ_SCRIPT, args: [name, file, how] },
        // What does not compress grows by less than a thousandth.
        { deadlineMs: READ_DEADLINE_MS, mostBytes: bytes + Math.ceil(bytes / 256) + 4096 },
      );
      if (status === 0) {
        if (how === 'plain') return stdout.subarray(0, bytes);
        // A longer one is no answer to the question.
        const unzipped = await unzip(stdout, { maxOutputLength: bytes + 1 }).catch((error: unknown) => error);
        if (unzipped instanceof Buffer) return unzipped.subarray(0, bytes);
      }
      throw new MachineFailure(`cannot read "${file}" on ${connection.host}: ${stderr || 'it is damaged'}`, {
        gone: connection.ended !== undefined,
      });
    },
    async remove(file) {
      if (connection.ended !== undefined) return;
      const script = { text: REMOVE_SCRIPT, args: [name, file] };
      await connection.run(script, { deadlineMs: REMOVE_DEADLINE_MS });
    },
    endOfLog: (mostBytes) => tailOfLog(mostBytes),
    async close() {
      try {
        // The sweep and `show` read it there.
        if (connection.ended === undefined) {
          const log = await tailOfLog(LOG_MOST_BYTES).catch(() => undefined);
          if (log !== undefined) await writeFile(join(directory, RUN_FILES.qemuLog), log, 'latin1');
        }
        await supervisor.close();
      } finally {
        connection.close();
      }
    },
  };

  /** The stream of a chardev. The monitor is the first one, and QEMU may not have opened it yet. */
  async function openPipe(pipe: string): Promise<Duplex> {
    const text = pipe === 'qmp' ? MONITOR_SCRIPT : PIPE_SCRIPT;
    const { channel } = await connection.start({ text, args: [name, pipe] });
    channel.stderr.resume();
    void supervisor.ended.then(() => channel.close());
    return channel;
  }

  async function connectFrames(path: string): Promise<Duplex> {
    try {
      return await connection.connectUnix(path);
    } catch (error) {
      throw refused(error, 'connect the network card');
    }
  }

  /** The fault of a server that does not forward; a lost host's is its own. */
  function refused(error: unknown, what: string): unknown {
    if (error instanceof HostLost) return error;
    return harnessFault(
      `cannot ${what} on host "${connection.host}": its ssh server does not forward Unix sockets; ${FORWARDING_REMEDY}`,
      error,
    );
  }

  async function tailOfLog(mostBytes: number): Promise<string> {
    const script = { text: TAIL_SCRIPT, args: [name, RUN_FILES.qemuLog, String(mostBytes)] };
    const { status, stdout, stderr } = await connection.run(script, {
      deadlineMs: READ_DEADLINE_MS,
      mostBytes,
    });
    if (status === 0) return stdout.toString('latin1');
    throw harnessFault(`cannot read QEMU's log on ${connection.host}: ${stderr}; run again`);
  }
}

/** The FIFOs of what is a socket here. */
function pipeOf(socket: string): string {
  return socket.replace(/\.sock$/, '');
}
