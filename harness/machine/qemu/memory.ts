import { setImmediate as nextTurn } from 'node:timers/promises';
import { readHostAddress, readRamRegions } from '../../hmp/memory.js';
import type { QmpClient } from '../../qemu/qmp/index.js';
import { type BaseMemory, type Memory, MachineFailure } from '../machine.js';
import { answer } from './failure.js';
import { RUN_FILES } from './arguments.js';
import type { HostPlace } from './host.js';
import type { ProcessMemory } from './process-memory.js';

/** Most bytes of one request: QEMU holds its lock meanwhile, and the file takes that much room. */
const MOST_BYTES = 32 * 1024 * 1024;
/** This process stands still while it reads so much of QEMU's memory: some milliseconds. */
const MOST_DIRECT_BYTES = 16 * 1024 * 1024;
const PAGE_BYTES = 4096n;
/**
 * Below it the chipset switches between RAM, ROM and SMRAM (the PAM and SMRAM registers; QEMU 7.2, hw/pci-host/pam.c).
 * Above it a guest cannot move its RAM: the monitor would have to plug or unplug a DIMM.
 */
const STEADY_FROM = 0x10_0000n;
const MOST_REGIONS = 64;

/** The monitor. */
type MemoryQmp = Pick<QmpClient, 'execute'>;

/** RAM of the guest, and where QEMU's process has it. */
interface MappedRam {
  readonly start: number;
  readonly end: number;
  readonly host: number;
}

/**
 * The guest's physical memory. RAM is read out of QEMU's process where the host allows that (`openMemory`), by the
 * addresses that the monitor gives; everything else, and all of it where that is not allowed, through QMP `pmemsave`
 * (qapi/machine.json) and a file in QEMU's working directory, which is removed at once. Memory that does not exist reads
 * as zeros.
 */
export function qemuMemory(
  qmp: MemoryQmp,
  {
    place,
    openMemory,
    baseKey,
  }: {
    readonly place: Pick<HostPlace, 'read' | 'remove'>;
    /** Opens the memory of QEMU's process; undefined: it cannot be read. The caller closes it. */
    readonly openMemory?: (() => ProcessMemory | undefined) | undefined;
    /** Of a clone: the same object for all clones of a template. */
    readonly baseKey?: object | undefined;
  },
): Memory {
  const save = async (address: number, bytes: number, into?: Buffer): Promise<Buffer> => {
    try {
      await answer(qmp.execute('pmemsave', { val: address, size: bytes, filename: RUN_FILES.memory }));
      const read = await place.read(RUN_FILES.memory, bytes, into);
      if (read.length === bytes) return read;
      const why = `QEMU wrote ${read.length} of ${bytes} bytes`;
      throw new MachineFailure(`cannot read memory at "0x${address.toString(16)}": ${why}`, { gone: false });
    } finally {
      await place.remove(RUN_FILES.memory);
    }
  };
  let direct: Promise<DirectMemory | undefined> | undefined;
  /** Undefined where the range cannot be read directly. */
  const directly = async <T>(
    { address, bytes }: { readonly address: number; readonly bytes: number },
    read: (memory: ProcessMemory, host: number) => Promise<T> | T,
  ): Promise<T | undefined> => {
    direct ??= openMemory === undefined ? Promise.resolve(undefined) : findRam(qmp, openMemory);
    const known = await direct;
    const ram = known?.ram.find(({ start, end }) => start <= address && address + bytes <= end);
    if (known === undefined || ram === undefined) return undefined;
    try {
      await nextTurn();
      return await read(known.memory, ram.host + address - ram.start);
    } catch {
      // QEMU's own answer says what is wrong, when it is gone.
      direct = Promise.resolve(undefined);
      return undefined;
    }
  };
  const part = async (address: number, bytes: number, into?: Buffer): Promise<Buffer> => {
    const read = await directly({ address, bytes }, async (memory, host) => {
      const room = into ?? Buffer.allocUnsafeSlow(bytes);
      for (let at = 0; at < bytes; at += MOST_DIRECT_BYTES) {
        if (at > 0) await nextTurn();
        memory.read(room.subarray(at, at + MOST_DIRECT_BYTES), host + at);
      }
      return room;
    });
    return read ?? save(address, bytes, into);
  };
  const base: BaseMemory | undefined =
    baseKey === undefined
      ? undefined
      : {
          key: baseKey,
          async read(address, into) {
            const range = { address, bytes: into.length };
            const read = await directly(range, (memory, host) => {
              memory.readFile(into, host);
              return true;
            });
            if (read === true) return;
            throw new MachineFailure("the template's memory cannot be read", { gone: false });
          },
        };
  return {
    base,
    readOwn: (address, into) =>
      directly({ address, bytes: into.length }, (memory, host) => memory.readOwn(into, host)),
    async read(address, bytes, { into } = {}) {
      if (bytes <= MOST_BYTES) return part(address, bytes, into);
      const parts: Buffer[] = [];
      for (let at = 0; at < bytes; at += MOST_BYTES) {
        parts.push(await part(address + at, Math.min(MOST_BYTES, bytes - at)));
      }
      return Buffer.concat(parts);
    },
  };
}

interface DirectMemory {
  readonly memory: ProcessMemory;
  readonly ram: readonly MappedRam[];
}

/** Undefined where the host forbids to read QEMU's process, or what the monitor says cannot be used. */
async function findRam(
  qmp: MemoryQmp,
  openMemory: () => ProcessMemory | undefined,
): Promise<DirectMemory | undefined> {
  const hmp = (command: string) => answer(qmp.execute('human-monitor-command', { 'command-line': command }));
  const regions = readRamRegions(await hmp('info mtree -f')) ?? [];
  const memory = openMemory();
  if (memory === undefined) return undefined;
  const ram: MappedRam[] = [];
  for (const { start: first, end } of regions.slice(0, MOST_REGIONS)) {
    const start = first < STEADY_FROM ? STEADY_FROM : first;
    if (start >= end || start % PAGE_BYTES !== 0n || end % PAGE_BYTES !== 0n) continue;
    const ask = async (address: bigint) => readHostAddress(await hmp(`gpa2hva 0x${address.toString(16)}`));
    const host = await ask(start);
    // One piece of QEMU's memory, which its process has mapped.
    if (host === undefined || (await ask(end - 1n)) !== host + Number(end - 1n - start)) continue;
    if (!memory.take(host, Number(end - start))) continue;
    ram.push({ start: Number(start), end: Number(end), host });
  }
  return { memory, ram };
}
