import { readRegisters, type VcpuExecution } from '../hmp/registers.js';
import type { Armed, VcpuState } from '../model/event.js';
import { KERNEL_IMAGE, type Place, UPPER_HALF } from '../model/place.js';
import { contains, isReserved } from './armed.js';

/** Start of the direct mapping on 32-bit x86, kernel image included (CONFIG_VMSPLIT_3G, Debian's choice). */
const PAGE_OFFSET_32 = 0xc0000000n;
const CR0_PROTECTED = 1n;
const CR0_PAGING = 0x80000000n;
const INTERRUPT_FLAG = 0x200;
/** The privilege level of user mode. */
const USER = 3;
const CR3_ADDRESS = 0x000ffffffffff000n;

/** Where each vCPU is, from trimmed (or whole) `info registers -a` text; incomplete vCPUs are left out. */
export function readVcpus(text: string, armed: Armed | undefined): VcpuState[] {
  return readRegisters(text).flatMap(({ index, execution, cr0, cr3 }) => {
    if (execution === undefined || cr0 === undefined || cr3 === undefined) return [];
    return [
      {
        index,
        rip: execution.ip.toString(16),
        interruptsOn: (execution.flags & INTERRUPT_FLAG) !== 0,
        halted: execution.halted,
        place: placeOf({ execution, cr0, cr3: cr3 & CR3_ADDRESS, armed }),
      },
    ];
  });
}

/** What decides where a vCPU is; `cr3` without the bits that are no address. */
export interface Whereabouts {
  readonly execution: VcpuExecution;
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly armed: Armed | undefined;
}

/**
 * The page tables of the jump and of the capture kernel all lie in the crash kernel's reservation (kernel/kexec_core.c
 * allocates the control pages of a crash image from it), those of the crashed kernel never do.
 */
export function placeOf(at: Whereabouts): Place {
  const { width, ip, cpl } = at.execution;
  if (width === 32) return placeOf32(at);
  const { armed } = at;
  const user = cpl === USER;
  if (armed === undefined || !isReserved(armed, at.cr3)) return user ? 'user' : 'first-kernel';
  if (user || ip >= KERNEL_IMAGE) return 'capture-kernel';
  return segmentAt(ip, armed);
}

/** Which part of the loaded crash image lies at an address on the jump's page tables: a physical one, if it is low. */
function segmentAt(address: bigint, armed: Armed): Place {
  // relocate_kernel begins at its address in the direct mapping.
  if (address >= UPPER_HALF) return 'jump';
  if (armed.segments.length === 0) return 'after-jump';
  if (armed.purgatory !== undefined && contains(armed.purgatory, address)) return 'purgatory';
  return armed.segments.some((segment) => contains(segment, address)) ? 'capture-start' : 'jump';
}

/**
 * A 32-bit kernel jumps with paging switched off (arch/x86/kernel/relocate_kernel_32.S, v6.1): from the copy of
 * relocate_kernel on, addresses are physical ones until the capture kernel has its own page tables. Unpaged code outside
 * of the reservation is firmware, or a vCPU on its way up.
 */
function placeOf32({ execution: { ip, cpl }, cr0, cr3, armed }: Whereabouts): Place {
  if ((cr0 & CR0_PROTECTED) === 0n) return 'firmware';
  if ((cr0 & CR0_PAGING) === 0n) {
    return armed !== undefined && isReserved(armed, ip) ? segmentAt(ip, armed) : 'firmware';
  }
  const user = cpl === USER;
  if (armed === undefined || !isReserved(armed, cr3)) return user ? 'user' : 'first-kernel';
  if (user) return 'capture-kernel';
  if (ip < PAGE_OFFSET_32) return segmentAt(ip, armed);
  // relocate_kernel begins at its address in the direct mapping, in a page that belongs to no segment. They are
  // known: a 32-bit kernel has no kexec_file_load (arch/x86/Kconfig, v6.1).
  const physical = ip - PAGE_OFFSET_32;
  return isReserved(armed, physical) && segmentAt(physical, armed) === 'jump' ? 'jump' : 'capture-kernel';
}
