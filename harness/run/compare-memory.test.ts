import t from 'tap';
import { type Machine, MachineFailure, type Memory } from '../machine/machine.js';
import type { RunEvent, Vmcore } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { CHUNK_BYTES, chunkSums } from '../timeline/chunk-sums.js';
import { parseArmed } from '../timeline/armed.js';
import { armedReport, prstatusNote } from '../testing/builders/runs.js';
import { notesSum } from '../timeline/vmcore.js';
import { compareMemory } from './compare-memory.js';

const MIB = CHUNK_BYTES;
const LOADS = [{ offset: 0, address: MIB, sizeBytes: 3 * MIB }];
const PHYSICAL = Buffer.alloc(4 * MIB, 'crashed memory');
const AT = { atMs: 1, at: { source: 'control', offset: 0, length: 1 } } as const;

interface Reported {
  readonly sizeBytes?: number;
  readonly end?: string;
  readonly core?: Partial<Vmcore>;
}

/** What a capture kernel reported that read `vmcore`, up to its power-off. */
function events(
  vmcore: Buffer,
  { sizeBytes = vmcore.length, end = 'guest-shutdown', core: more = {} }: Reported = {},
): RunEvent[] {
  const chunks = [0, 1, 2].map((index) => {
    const part = Buffer.from(vmcore.subarray(index * MIB, (index + 1) * MIB));
    return { ...chunkSums(part), unreadablePages: 0 };
  });
  const core = { sizeBytes, prstatusNotes: 1, hasVmcoreinfo: true, loads: LOADS, ...more };
  const bodies = [
    { type: 'armed', armed: parseArmed(armedReport()) },
    { type: 'capture-hello', release: '6.1', commandLine: 'elfcorehdr=0x1b000000' },
    { type: 'vmcore', vmcore: core },
    { type: 'vmcore-chunks', first: 0, chunks: chunks.slice(0, 2) },
    { type: 'vmcore-chunks', first: 2, chunks: chunks.slice(2) },
    { type: 'vmcore-read', read: { sizeBytes, unreadablePages: 0, patterns: [], patternSum: '0' } },
    ...(end === '' ? [] : [{ type: 'shutdown', byGuest: true, reason: end } as const]),
  ] as const;
  return bodies.map((body) => ({ ...AT, ...body }));
}

/** Compares on a machine of 4 MiB, and gives the fact. */
async function compared(seen: RunEvent[], memory: Memory | undefined = physical()) {
  const facts: HostFact[] = [];
  const abilities: Machine['abilities'] = memory === undefined ? {} : { memory };
  const watch = { events: seen, fact: (fact: HostFact) => void facts.push(fact), nowMs: () => 0 };
  await compareMemory({ machine: { abilities }, watch }, { memoryMiB: 4 });
  return facts[0];
}

/** Memory without ELF headers in the crash image: it reads as zeros behind its end. */
function physical(): Memory {
  return {
    async read(address, bytes) {
      const read = Buffer.alloc(bytes);
      PHYSICAL.copy(read, 0, Math.min(address, PHYSICAL.length), Math.min(address + bytes, PHYSICAL.length));
      return read;
    },
  };
}

t.test('the vmcore is compared with the memory that its headers name', async (t) => {
  const vmcore = Buffer.from(PHYSICAL.subarray(MIB));
  t.match(await compared(events(vmcore)), { compared: 3, differing: 0, pagesMissing: 0, dataPages: 768 });
  const zeros = Buffer.from(vmcore).fill(0, 2 * MIB, 2 * MIB + 8192);
  t.match(await compared(events(zeros)), { differing: 0, pagesMissing: 2, saw: /missing at 0x200000/ });
  const changed = Buffer.from(vmcore).fill('x', MIB, MIB + 1);
  t.match(await compared(events(changed)), { differing: 1, pagesMissing: 0, saw: /differences at 0x100000/ });
});

t.test('the first chunk is compared behind the headers and the notes', async (t) => {
  const start = Buffer.alloc(8192, 'headers');
  const vmcore = Buffer.concat([start, PHYSICAL.subarray(MIB, 4 * MIB - 8192)]);
  const core = {
    loads: [{ offset: 8192, address: MIB, sizeBytes: 3 * MIB - 8192 }],
    start: { bytes: 8192, ...chunkSums(start) },
  };
  t.match(await compared(events(vmcore, { core })), { compared: 3, partly: 0, differing: 0 });
  const changed = Buffer.from(vmcore).fill('x', 8192, 8193);
  t.match(await compared(events(changed, { core })), { compared: 3, differing: 1 });
  const unknown = { loads: core.loads };
  t.match(await compared(events(changed, { core: unknown })), { compared: 2, partly: 1, differing: 0 });
});

t.test('nothing is recorded without a whole reading of a stopped machine', async (t) => {
  const vmcore = Buffer.from(PHYSICAL.subarray(MIB));
  t.equal(await compared(events(vmcore, { end: '' })), undefined, 'it runs');
  const unread = events(vmcore).filter(({ type }) => type !== 'vmcore-read');
  t.equal(await compared(unread), undefined);
  t.equal(await compared(events(vmcore, { sizeBytes: 9 * MIB })), undefined, 'more than twice the memory');
  const interrupt: RunEvent = {
    atMs: 2,
    at: { source: 'host', line: 9 },
    type: 'host',
    fact: { fact: 'interrupted', by: 'SIGINT' },
  };
  t.equal(await compared([...events(vmcore), interrupt]), undefined, 'it is not waited for');
  const gone: Memory = { read: () => Promise.reject(new MachineFailure('QEMU has ended', { gone: true })) };
  t.equal(await compared(events(vmcore), gone), undefined);
});

t.test('the notes are those in the memory that the crash image names', async (t) => {
  const vmcore = Buffer.from(PHYSICAL.subarray(MIB));
  const notes = Buffer.concat([prstatusNote(0), Buffer.alloc(12)]);
  const machine: Memory = {
    async read(address, bytes) {
      if (address === 0x1b000000) return imageHead(notes.length).subarray(0, bytes);
      const read = await physical().read(address, bytes);
      if (address === 16 * MIB) notes.copy(read, 0x40);
      return read;
    },
  };
  const fact = (notesSeen: Buffer, virtual = '0') => {
    const loads = LOADS.map((load) => ({ ...load, virtual }));
    return compared(events(vmcore, { core: { notesSum: notesSum([notesSeen]), loads } }), machine);
  };
  t.match(await fact(prstatusNote(0)), { notesDiffer: false, addressesDiffer: 0 });
  t.match(await fact(prstatusNote(1)), { notesDiffer: true, saw: /the notes are not those/ });
  t.match(await fact(prstatusNote(0), '1000'), { notesDiffer: false, addressesDiffer: 1 });
});

/** ELF headers with notes at 16 MiB and 64 bytes, and the segment of {@link LOADS}. */
function imageHead(noteBytes: number): Buffer {
  return elfHead(
    { type: PT_NOTE, address: 16 * MIB + 0x40, bytes: noteBytes },
    { type: PT_LOAD, address: MIB, bytes: 3 * MIB },
  );
}

t.test("the crash image's headers may name any size", async (t) => {
  const vmcore = Buffer.from(PHYSICAL.subarray(MIB));
  const withSegment = (sizeBytes: number): Memory => ({
    read: async (address, bytes) =>
      address === 0x1b000000
        ? elfHead({ type: PT_LOAD, address: 16 * MIB, bytes: sizeBytes }).subarray(0, bytes)
        : physical().read(address, bytes),
  });
  t.match(await compared(events(vmcore), withSegment(MIB)), { saw: /a segment of memory is not in/ });
  t.equal(await compared(events(vmcore), withSegment(2 ** 50)), undefined, 'it is not read');
});

const PT_LOAD = 1;
const PT_NOTE = 4;

/** The ELF headers of a crash image. */
function elfHead(...segments: { type: number; address: number; bytes: number }[]): Buffer {
  const head = Buffer.alloc(4096);
  head[4] = 2;
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(segments.length, 56);
  for (const [index, { type, address, bytes }] of segments.entries()) {
    const at = 64 + index * 56;
    head.writeUInt32LE(type, at);
    head.writeBigUInt64LE(BigInt(address), at + 8);
    if (type === PT_LOAD) head.writeBigUInt64LE(BigInt(address), at + 24);
    head.writeBigUInt64LE(BigInt(bytes), at + 32);
  }
  return head;
}
