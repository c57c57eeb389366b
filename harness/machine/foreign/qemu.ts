import { existsSync } from 'node:fs';
import { orUnreadable } from '../../autopsy/debugger.js';
import { type PhysicalMemory, type StillReader, stillReader } from '../../autopsy/physical-memory.js';
import type { ControllerTexts } from '../../hmp/controllers.js';
import { readGeneralRegisters } from '../../hmp/general-registers.js';
import { readCommand, readMemoryRanges, readMemoryText } from '../../hmp/memory.js';
import { readRegisters } from '../../hmp/registers.js';
import { foldLine } from '../../model/escape.js';
import { type Fault, harnessFault, usageFault } from '../../model/fault.js';
import { connectGdb, type GdbClient } from '../../qemu/gdbstub/index.js';
import {
  connectQmp,
  type QmpClient,
  QmpCommandError,
  QmpError,
  QmpProtocolError,
  QmpTimeoutError,
} from '../../qemu/qmp/index.js';
import type { Registers } from '../debugger.js';
import { blockCache } from './block-cache.js';
import { completed } from './registers.js';
import { socketTarget } from './target.js';

/** How a machine that another program started is read. */
export interface ForeignOptions {
  /** The QMP monitor: a path, or HOST:PORT. */
  readonly qmp: string;
  /** The gdbstub, for memory and registers; undefined: all by the monitor. Connecting to it stops the machine. */
  readonly gdb?: string | undefined;
  /** Stop a machine that runs while it is read, and let it continue afterwards. */
  readonly stop: boolean;
  readonly signal: AbortSignal;
}

/** A machine that another program started, while it is read. */
export interface ForeignMachine {
  readonly reader: StillReader;
  readonly memory: PhysicalMemory;
  /** The text of HMP `info registers -a`. */
  readonly registersText: string;
  readonly unknownRegisters: ReadonlySet<string>;
  /** The texts of the interrupt controllers; undefined where QEMU gives none. */
  readonly controllers: ControllerTexts | undefined;
  /** It ran when it was found. */
  readonly ran: boolean;
  /** It runs while it is read. */
  readonly runs: boolean;
  readonly qmp: QmpClient;
  /** Leaves the machine as it was found, once. Throws a harness fault when it cannot be continued. */
  close(): Promise<void>;
}

const CONNECT_MS = 5_000;
const ANSWER_MS = 10_000;
const X86 = new Set(['x86_64', 'i386']);

/**
 * Opens a machine by its monitor. Everything that is asked of it only reads, unless it is to be stopped. Throws a usage
 * fault for what cannot be read at all: no such socket, another program's, another architecture.
 */
export async function openForeign(options: ForeignOptions): Promise<ForeignMachine> {
  const { qmp: name, signal } = options;
  const qmp = await connect(name, signal);
  let gdb: GdbClient | undefined;
  let stopped = false;
  let ran = false;
  const close = async () => {
    await gdb?.close({ guest: 'leave' }).catch(() => {});
    try {
      // Asked for once, and only of a machine that this program has stopped.
      if (stopped) await qmp.execute('cont');
    } catch (error) {
      throw harnessFault(
        `cannot continue the machine of "${name}": ${reasonOf(error)}; it is paused: give its monitor the command cont`,
        error,
      );
    } finally {
      stopped = false;
      await qmp.close();
    }
  };
  try {
    const { arch } = await qmp.execute('query-target');
    if (!X86.has(arch)) {
      throw usageFault(`cannot read the machine of "${name}": it is a QEMU for ${arch}; only x86 is read`);
    }
    ran = (await qmp.execute('query-status')).running;
    if (ran && options.gdb !== undefined && !options.stop) {
      throw usageFault(
        `cannot use --gdb "${options.gdb}": a gdbstub stops the machine, and it runs; add --stop, or leave --gdb out`,
      );
    }
    if (ran && options.stop) {
      stopped = true;
      await qmp.execute('stop');
    }
    if (options.gdb !== undefined) gdb = await attach(options.gdb, signal);
    return { ...(await readMachine(qmp, { gdb, signal, name })), ran, runs: ran && !stopped, qmp, close };
  } catch (error) {
    await close();
    throw foreignFault(error, name);
  }
}

/** An error of the monitor as a fault of one line; every other error as it is. */
export function foreignFault(error: unknown, name: string): unknown {
  if (!(error instanceof QmpError)) return error;
  return harnessFault(`cannot read the machine of "${name}": ${reasonOf(error)}; is it still there?`, error);
}

async function connect(name: string, signal: AbortSignal): Promise<QmpClient> {
  const target = socketTarget(name);
  // The client waits for a socket that is not there yet; a machine to be examined has its own.
  if ('path' in target && !existsSync(target.path)) throw noSocket(name);
  try {
    return await connectQmp(target, { connectDeadlineMs: CONNECT_MS, deadlineMs: ANSWER_MS, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw connectFault(error, name);
  }
}

function noSocket(name: string, error?: unknown): Fault {
  const why = "there is no such socket; give the path of QEMU's QMP socket";
  return usageFault(`cannot connect to --qmp "${name}": ${why}`, error);
}

function connectFault(error: unknown, name: string): Fault {
  const code = codeOf(error) ?? codeOf(error instanceof Error ? error.cause : undefined);
  const cannot = `cannot connect to --qmp "${name}"`;
  if (code === 'ENOENT')
    return usageFault(`${cannot}: there is no such socket; give the path of QEMU's QMP socket`, error);
  if (code === 'ECONNREFUSED') return usageFault(`${cannot}: nothing listens there; is QEMU running?`, error);
  if (code === 'EACCES')
    return usageFault(`${cannot}: permission denied; run crashpath as the user of QEMU, or as root`, error);
  if (error instanceof QmpTimeoutError) {
    return usageFault(
      `${cannot}: no greeting within ${CONNECT_MS / 1000} s; a monitor serves one client at a time, and libvirt keeps its own: ` +
        'give QEMU a second one (-qmp unix:PATH,server=on,wait=off), or dump the domain (virsh dump --memory-only DOMAIN FILE) and read the dump',
      error,
    );
  }
  if (error instanceof QmpProtocolError || code === undefined)
    return usageFault(`${cannot}: it does not speak QMP (${reasonOf(error)}); give QEMU's QMP socket`, error);
  return usageFault(`${cannot}: ${reasonOf(error)}; give the path of QEMU's QMP socket`, error);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

async function attach(name: string, signal: AbortSignal): Promise<GdbClient> {
  try {
    return await connectGdb(socketTarget(name), { connectDeadlineMs: CONNECT_MS, signal });
  } catch (error) {
    signal.throwIfAborted();
    throw usageFault(
      `cannot use --gdb "${name}": ${reasonOf(error)}; give the socket of QEMU's gdbstub`,
      error,
    );
  }
}

interface Sources {
  readonly gdb: GdbClient | undefined;
  readonly signal: AbortSignal;
  readonly name: string;
}

async function readMachine(qmp: QmpClient, { gdb, signal, name }: Sources) {
  const hmp = (line: string) => qmp.execute('human-monitor-command', { 'command-line': line });
  const ranges = readMemoryRanges(await hmp('info mtree -f'));
  if (ranges === undefined) {
    throw usageFault(
      `cannot read the machine of "${name}": QEMU does not list its memory; QEMU 4.0 or newer does`,
    );
  }
  const registersText = await hmp('info registers -a');
  const registers = await readAll(registersText, gdb);
  if (registers.size === 0) {
    throw usageFault(
      `cannot read the machine of "${name}": it shows no vCPU that runs 64-bit code; 32-bit kernels are not read`,
    );
  }
  const memory = blockCache(ranges, {
    async read(address, length) {
      signal.throwIfAborted();
      if (gdb === undefined)
        return readMemoryText(await hmp(readCommand(address, length)), { address, length });
      return orUnreadable(gdb.readPhysicalMemory(address, length));
    },
  });
  return {
    reader: stillReader(registers, memory),
    memory,
    registersText,
    unknownRegisters: gdb === undefined ? UNKNOWN_BY_HMP : new Set<string>(),
    controllers: await readControllers(qmp),
  };
}

/** Registers of the debugger that HMP does not print. */
const UNKNOWN_BY_HMP: ReadonlySet<string> = new Set(['k_gs_base', 'cr8']);

/** By vCPU. A vCPU outside of 64-bit code has the address of its instruction from the execution line. */
async function readAll(text: string, gdb: GdbClient | undefined): Promise<Map<number, Registers>> {
  const all = new Map<number, Registers>();
  const general = readGeneralRegisters(text);
  for (const { index, execution, cr0 } of readRegisters(text)) {
    if (execution === undefined || cr0 === undefined) continue;
    if (gdb?.vcpus.includes(index) === true) {
      all.set(index, await gdb.readRegisters(index));
      continue;
    }
    const shown: Partial<Registers> = {
      rip: execution.ip,
      rflags: BigInt(execution.flags),
      ...general.get(index),
    };
    all.set(index, completed(shown));
  }
  return all;
}

/** The interrupt controllers; undefined where the monitor refuses. */
async function readControllers(qmp: QmpClient): Promise<ControllerTexts | undefined> {
  const hmp = (line: string) => qmp.execute('human-monitor-command', { 'command-line': line });
  try {
    const pic = await hmp('info pic');
    const lapics: { vcpu: number; text: string }[] = [];
    for (const [vcpu, apicId] of await readApicIds(qmp)) {
      lapics.push({ vcpu, text: await hmp(`info lapic ${apicId}`) });
    }
    return { pic, lapics };
  } catch (error) {
    if (!(error instanceof QmpCommandError)) throw error;
    return undefined;
  }
}

/** APIC ids by vCPU; empty when QEMU does not tell. */
async function readApicIds(qmp: QmpClient): Promise<ReadonlyMap<number, number>> {
  const ids = new Map<number, number>();
  try {
    for (const cpu of await qmp.execute('query-cpus-fast')) {
      const id = await qmp.execute('qom-get', { path: cpu['qom-path'], property: 'apic-id' });
      if (typeof id === 'number') ids.set(cpu['cpu-index'], id);
    }
  } catch (error) {
    if (!(error instanceof QmpCommandError)) throw error;
  }
  return ids;
}

function reasonOf(error: unknown): string {
  return foldLine(error instanceof Error ? error.message : String(error)).replaceAll(';', ',');
}
