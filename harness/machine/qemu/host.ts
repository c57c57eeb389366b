import type { Duplex } from 'node:stream';
import type { SocketTarget } from '../../qemu/socket/connect-when-listening.js';
import type { HostTimeReporter, ReportHostTime } from './host-time.js';
import type { SupervisedQemu } from './kept/supervised.js';
import type { QemuProcess } from './process.js';
import type { ProcessMemory } from './process-memory.js';
import type { StreamServer } from './stream-server.js';
import type { UartChannel } from './uart.js';

/** Memory for the template of clones, on the host of their QEMUs. */
export interface TemplateMemory {
  /** The path by which QEMU opens it. */
  readonly path: string;
  /** How much of it is taken so far, bytes; 0 where that is not known. */
  taken(): number;
  /** The kernel frees it when no QEMU maps it any more. */
  close(): void;
}

/** Memory of a host, bytes. */
export interface FreeMemory {
  /** What a process can still get: of the host, and of the memory cgroup in which it runs. */
  readonly available: number;
  /** What the file system of templates' memory can still hold. */
  readonly inFiles: number;
}

/** What templates need of a host. */
export interface MemoryHost {
  /** Opens a file without a name. Throws when there is none to be had. */
  openMemory(): Promise<TemplateMemory>;
  freeMemory(): Promise<FreeMemory>;
}

/** A host on which QEMU runs: this one, or one that is reached over ssh. */
export interface QemuHost extends MemoryHost {
  /** As results and messages name it; undefined for this host. */
  readonly name: string | undefined;
  /**
   * Makes the private directory of one QEMU. `directory` is the run directory on this host, which gets QEMU's log. Throws
   * a harness fault.
   */
  openPlace(options: { readonly directory: string }): Promise<HostPlace>;
}

/**
 * A private directory in which one QEMU runs, with its FIFOs, sockets and files, all of which are named relative to it.
 * The order of calls: UARTs and the card's socket, `start`, the monitor, `begin`.
 */
export interface HostPlace {
  /** Makes the two FIFOs of a UART and reports the bytes of the guest; none is lost from QEMU's start on. */
  openUart(pipe: string, onBytes: (bytes: Buffer) => void): Promise<UartChannel>;
  /** The host's end of a stream to which QEMU connects, on a socket of that name. */
  openStream(socket: string): Promise<StreamServer>;
  /** Makes a private, sparse file of so many bytes for QEMU; absent: files are not taken from there. */
  readonly makeFile?: ((file: string, bytes: number) => Promise<void>) | undefined;
  /** Makes a private copy of a file of this host for QEMU; absent: files are not taken from there. */
  readonly copyFile?: ((from: string, file: string) => Promise<void>) | undefined;
  /** Starts QEMU. Throws a harness fault when the binary is missing. */
  start(binary: string, args: readonly string[]): Promise<QemuProcess>;
  /** As `start`, with a supervisor to which QEMU can be handed over; absent where there is none. */
  readonly startSupervised?:
    | ((binary: string, args: readonly string[]) => Promise<SupervisedQemu>)
    | undefined;
  /** A socket on which QEMU listens. */
  socket(name: string): SocketTarget;
  /** A stream to a socket on which QEMU listens now, which is none of its chardevs. */
  connect(socket: string): Promise<Duplex>;
  /** Makes QEMU's gdbstub ready for a connection, where it is not from the start; `hmp` asks the monitor. */
  readonly startDebugger?: ((hmp: (command: string) => Promise<string>) => Promise<void>) | undefined;
  /** QEMU's monitor answers: connects what is not connected yet. `cont` starts a guest that was held until now. */
  begin(cont: () => Promise<unknown>): Promise<void>;
  /** Reports the host time of QEMU's threads, where the host's kernel counts it. */
  reportHostTime(pid: number, report: ReportHostTime): HostTimeReporter;
  /**
   * Opens the memory of QEMU's process, which may map the file at this path privately; absent where that cannot be read. Throws when the
   * host forbids it.
   */
  readonly openProcessMemory?:
    | ((pid: number, options: { readonly file: string | undefined }) => ProcessMemory)
    | undefined;
  /** How long a question is on its way there and back, milliseconds; absent for this host. */
  readonly roundTripMs?: (() => number) | undefined;
  /**
   * Reads a file of `bytes` that QEMU wrote; a longer one is cut. `into`, of that length, may become the result. Throws
   * when it cannot be read.
   */
  read(file: string, bytes: number, into?: Buffer): Promise<Buffer>;
  remove(file: string): Promise<void>;
  /** The last bytes of QEMU's log, one character for each. Throws when it cannot be read. */
  endOfLog(mostBytes: number): Promise<string>;
  /** Removes sockets and what else does not belong to the recording; those of a QEMU that stays up remain. */
  close(options?: { readonly staysUp?: boolean | undefined }): Promise<void>;
}
