import { type CrashedKernel, isUtsname, UTSNAME_BYTES, utsnameAt } from '../dump/kdump-header.js';
import { vmcoreinfoIn } from '../dump/notes.js';
import type { Memory } from '../machine/machine.js';
import type { RunEvent } from '../model/event.js';
import { isReserved } from '../timeline/armed.js';
import { HEADERS_BYTES, noteSegmentsOf } from '../timeline/core-headers.js';
import { elfcorehdrOf } from '../timeline/vmcore-layout.js';

const PAGE_BYTES = 4096;
/** Notes that are read, newest last: one for each CPU, then VMCOREINFO. */
const MOST_NOTES = 512;
const MOST_NOTE_BYTES = 64 * 1024;
const ELF_MAGIC = '\x7fELF';

/** VMCOREINFO and the utsname of the crashed kernel, from a stopped machine's memory. Throws a `MachineFailure`. */
export async function crashedKernel(
  memory: Memory,
  events: readonly RunEvent[],
): Promise<CrashedKernel | undefined> {
  const info = await crashedVmcoreinfo(memory, events);
  const at = info === undefined ? undefined : utsnameAt(info);
  if (info === undefined || at === undefined) return info === undefined ? undefined : { info };
  const before = at % PAGE_BYTES;
  const read = await memory.read(at - before, 2 * PAGE_BYTES);
  const utsname = read.subarray(before, before + UTSNAME_BYTES);
  return isUtsname(utsname) ? { info, utsname } : { info };
}

/**
 * The crashed kernel's VMCOREINFO, read from a stopped machine's memory: a note to which the ELF headers of the loaded
 * crash image point. Undefined when no crash kernel was loaded, or the headers do not lead there. Throws a
 * `MachineFailure`.
 */
async function crashedVmcoreinfo(memory: Memory, events: readonly RunEvent[]): Promise<Buffer | undefined> {
  for (const address of headersAt(events)) {
    const head = await memory.read(address, HEADERS_BYTES);
    if (head.toString('latin1', 0, 4) !== ELF_MAGIC) continue;
    for (const segment of noteSegmentsOf(head).slice(-MOST_NOTES).toReversed()) {
      if (segment.sizeBytes > MOST_NOTE_BYTES) continue;
      // The headers name a place of notes; what is read of it is found as notes, whatever they say.
      const before = segment.address % PAGE_BYTES;
      const bytes = Math.ceil((before + segment.sizeBytes) / PAGE_BYTES) * PAGE_BYTES;
      const read = await memory.read(segment.address - before, bytes);
      const info = vmcoreinfoIn(read.subarray(before, before + segment.sizeBytes));
      if (info !== undefined) return info;
    }
  }
  return undefined;
}

/** Where the headers of the crash image may be: where the capture kernel's command line says, and the segments that were loaded. */
function headersAt(events: readonly RunEvent[]): number[] {
  const armed = events.findLast((event) => event.type === 'armed')?.armed;
  const hello = events.find((event) => event.type === 'capture-hello');
  const named = elfcorehdrOf(hello?.commandLine ?? '');
  const isNamed = named !== undefined && armed !== undefined && isReserved(armed, BigInt(named));
  return [...(isNamed ? [named] : []), ...(armed?.segments ?? []).map(({ first }) => Number(first))];
}
