import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import type { StillMachine } from '../../autopsy/autopsy.js';
import type { Registers } from '../../machine/debugger.js';
import { GdbRemoteError } from '../../qemu/gdbstub/index.js';
import { parseKallsyms, type SymbolTable } from '../../symbols/index.js';
import { ZERO_REGISTERS } from '../builders/registers.js';

const hex = z.string().transform((digits) => BigInt(`0x${digits}`));
const Recorded = z.object({
  release: z.string(),
  side: z.enum(['production', 'capture']),
  registersText: z.string(),
  ranges: z.array(z.object({ first: hex, last: hex })),
  registers: z.record(z.string(), z.record(z.string(), hex)),
  controllers: z.object({
    pic: z.string(),
    lapics: z.array(z.object({ vcpu: z.number(), text: z.string() })),
  }),
  kallsyms: z.string(),
  pages: z.record(z.string(), z.string()),
});

/** A machine that stopped in a real run, as far as an autopsy reads it, and ways to change it. */
export interface RecordedMachine {
  readonly machine: StillMachine;
  readonly symbols: SymbolTable;
  /** Replaces each 64-bit word of its memory that has a value; returns how many. */
  replaceWords(value: bigint, by: bigint): number;
  /** Writes bytes at a virtual address that the recording has. */
  write(address: bigint, bytes: Uint8Array): void;
  /** The address of a symbol, plus an offset. */
  address(name: string, offset?: number): bigint;
  /** The same without symbols whose names match. */
  without(name: RegExp): StillMachine;
}

const PAGE = 4096n;

/** A recording of autopsy/testdata by its name. */
export function recordedMachine(name: string): RecordedMachine {
  const file = join(import.meta.dirname, '../../../harness/autopsy/testdata', `${name}.json.gz`);
  const recorded = Recorded.parse(JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')));
  const pages = new Map(
    Object.entries(recorded.pages).map(([address, bytes]) => [
      BigInt(`0x${address}`),
      Buffer.from(bytes, 'base64'),
    ]),
  );
  const refused = () => new GdbRemoteError('read', 'm', 0x14, 'the stub answered E14');
  const pageOf = (address: bigint) => pages.get(address - (address % PAGE));
  const symbols = tableOf(recorded.kallsyms);
  const { release, side, registersText, ranges, registers, controllers } = recorded;
  const machineWith = (table: SymbolTable): StillMachine => ({
    reader: {
      vcpus: Object.keys(registers).map(Number),
      readRegisters: async (vcpu): Promise<Registers> => ({ ...ZERO_REGISTERS, ...registers[vcpu] }),
      async readMemory(address, length) {
        const page = pageOf(address);
        const offset = Number(address % PAGE);
        if (page === undefined || offset + length > page.length) throw refused();
        return page.subarray(offset, offset + length);
      },
      readPhysicalMemory: () => Promise.reject(refused()),
    },
    registersText,
    armed: { status: 0, loaded: true, crashSize: 0n, ranges, segments: [], errors: [] },
    kernels: { [side]: { symbols: table, release, from: 'a recording' } },
    controllers,
  });
  const address = (symbol: string, offset = 0) => {
    const [found] = symbols.named(symbol);
    if (found === undefined) throw new Error(`no symbol ${symbol}`);
    return found.address + BigInt(offset);
  };
  return {
    machine: machineWith(symbols),
    symbols,
    address,
    without: (pattern) =>
      machineWith(
        tableOf(
          recorded.kallsyms
            .split('\n')
            .filter((line) => !pattern.test(line.split(' ')[2] ?? ''))
            .join('\n'),
        ),
      ),
    write(at, bytes) {
      const page = pageOf(at);
      if (page === undefined) throw new Error(`0x${at.toString(16)} is not recorded`);
      page.set(bytes, Number(at % PAGE));
    },
    replaceWords(value, by) {
      let count = 0;
      for (const page of pages.values()) {
        for (let at = 0; at < page.length; at += 8) {
          if (page.readBigUInt64LE(at) !== value) continue;
          page.writeBigUInt64LE(by, at);
          count += 1;
        }
      }
      return count;
    },
  };
}

function tableOf(text: string): SymbolTable {
  const parsed = parseKallsyms(text);
  if (parsed.kind !== 'symbols') throw new Error(parsed.kind);
  return parsed.table;
}
