import type { Armed, VcpuState } from '../model/event.js';
import type { Place } from '../model/place.js';
import { contains } from './armed.js';

/** Start of the kernel image mapping on x86-64 (Documentation/x86/x86_64/mm.rst). */
const KERNEL_IMAGE = 0xffffffff80000000n;
/** Start of the direct mapping on 32-bit x86, kernel image included (CONFIG_VMSPLIT_3G, Debian's choice). */
const PAGE_OFFSET_32 = 0xc0000000n;
const CR0_PROTECTED = 1;
const CR0_PAGING = 0x80000000;
const CR3_ADDRESS = 0x000ffffffffff000n;

/**
 * Keeps the lines of HMP `info registers -a` that tell where each vCPU is (QEMU 7.2 format: `CPU#0`, then
 * `RIP=... RFL=... CPL=. ... HLT=.`, `IDT= ...`, `CR0=... CR3=...`). The rest is segment and vector registers.
 */
export function trimRegisters(text: string): string {
  return text
    .split(/\r?\n/)
    .filter((line) => /^(CPU#\d|[RE]IP=|IDT=|CR0=)/.test(line))
    .join('\n');
}

/** Reads the vCPUs out of trimmed (or whole) `info registers -a` text; incomplete ones are left out. */
export function readVcpus(text: string, armed: Armed | undefined): VcpuState[] {
  const vcpus: VcpuState[] = [];
  for (const part of text.split(/^CPU#/m).slice(1)) {
    const index = /^(\d{1,4})/.exec(part)?.[1];
    const ip = /^([RE])IP=([0-9a-f]{8,16}) [RE]FL=([0-9a-f]{8}) \[[^\]]*\] CPL=([0-3]) .*HLT=([01])/m.exec(
      part,
    );
    const cr3 = /\bCR3=([0-9a-f]{8,16})\b/.exec(part)?.[1];
    const cr0 = /\bCR0=([0-9a-f]{8,16})\b/.exec(part)?.[1];
    if (index === undefined || ip === null || cr3 === undefined || cr0 === undefined) continue;
    const [, width, rip = '', flags = '', cpl, halted] = ip;
    vcpus.push({
      index: Number(index),
      rip: rip.replace(/^0+(?=.)/, ''),
      interruptsOn: (Number.parseInt(flags, 16) & 0x200) !== 0,
      halted: halted === '1',
      place: placeOf({
        longMode: width === 'R',
        cr0: Number.parseInt(cr0, 16),
        user: cpl === '3',
        rip: BigInt(`0x${rip}`),
        cr3: BigInt(`0x${cr3}`) & CR3_ADDRESS,
        armed,
      }),
    });
  }
  return vcpus;
}

interface Whereabouts {
  /** QEMU prints RIP in 64-bit code and EIP elsewhere (target/i386/cpu-dump.c, 7.2). */
  readonly longMode: boolean;
  readonly cr0: number;
  readonly user: boolean;
  readonly rip: bigint;
  readonly cr3: bigint;
  readonly armed: Armed | undefined;
}

/**
 * The page tables of the jump and of the capture kernel all lie in the crash kernel's reservation (kernel/kexec_core.c
 * allocates the control pages of a crash image from it), those of the crashed kernel never do.
 */
function placeOf(at: Whereabouts): Place {
  if (!at.longMode) return placeOf32(at);
  const { armed } = at;
  if (armed?.range === undefined || !contains(armed.range, at.cr3)) return at.user ? 'user' : 'first-kernel';
  if (at.user || at.rip >= KERNEL_IMAGE) return 'capture-kernel';
  return segmentAt(at.rip, armed);
}

/** Which part of the loaded crash image lies at a physical address inside the reservation. */
function segmentAt(address: bigint, armed: Armed): Place {
  if (armed.purgatory !== undefined && contains(armed.purgatory, address)) return 'purgatory';
  return armed.segments.some((segment) => contains(segment, address)) ? 'capture-start' : 'jump';
}

/**
 * A 32-bit kernel jumps with paging switched off (arch/x86/kernel/relocate_kernel_32.S, v6.1): from the copy of
 * relocate_kernel on, addresses are physical ones until the capture kernel has its own page tables. Unpaged code outside
 * of the reservation is firmware, or a vCPU on its way up.
 */
function placeOf32({ cr0, cr3, rip, user, armed }: Whereabouts): Place {
  if ((cr0 & CR0_PROTECTED) === 0) return 'firmware';
  const range = armed?.range;
  if ((cr0 & CR0_PAGING) === 0) {
    return armed !== undefined && range !== undefined && contains(range, rip)
      ? segmentAt(rip, armed)
      : 'firmware';
  }
  if (armed === undefined || range === undefined || !contains(range, cr3)) {
    return user ? 'user' : 'first-kernel';
  }
  if (user) return 'capture-kernel';
  if (rip < PAGE_OFFSET_32) return segmentAt(rip, armed);
  // relocate_kernel begins at its address in the direct mapping, in a page that belongs to no segment.
  const physical = rip - PAGE_OFFSET_32;
  return contains(range, physical) && segmentAt(physical, armed) === 'jump' ? 'jump' : 'capture-kernel';
}
