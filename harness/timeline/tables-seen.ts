import { readRegisters } from '../hmp/registers.js';
import type { Armed } from '../model/event.js';
import type { PageTables } from '../symbols/index.js';
import { readVcpus } from './vcpus.js';

/** Page tables that a kernel was seen to run on. */
export interface SeenTables {
  readonly tables: PageTables;
  /** In user mode: under page-table isolation these map little of the kernel. */
  readonly user: boolean;
}

/** The two kernels of a run. */
export type KernelSide = 'production' | 'capture';

/** The page tables that each of the two kernels was last seen on, from samples of the vCPUs' registers. */
export interface TablesSeen {
  /** Takes the text of HMP `info registers -a`, whole or trimmed. */
  sample(text: string, armed: Armed | undefined): void;
  /** A kernel's tables, the latest first. */
  of(side: KernelSide): readonly SeenTables[];
}

const CR3_ADDRESS = 0x000ffffffffff000n;
/** CR4.LA57: five levels of page tables (Intel SDM volume 3, 2.5). */
const CR4_LA57 = 1n << 12n;
/** Kept of each kernel: the tables of a process that has ended may be overwritten. */
const MOST = 8;

/** Nothing seen yet. */
export function createTablesSeen(): TablesSeen {
  // In a map, a key that is set again stays in its place: it is removed first.
  const seen: Record<KernelSide, Map<bigint, SeenTables>> = { production: new Map(), capture: new Map() };
  return {
    sample(text, armed) {
      const registers = new Map(readRegisters(text).map((vcpu) => [vcpu.index, vcpu]));
      for (const { index, place } of readVcpus(text, armed)) {
        const { cr3, cr4, execution } = registers.get(index) ?? {};
        const side = sideOf(place);
        if (side === undefined || cr3 === undefined || execution?.width !== 64) continue;
        const levels = cr4 !== undefined && (cr4 & CR4_LA57) !== 0n ? 5 : 4;
        const root = cr3 & CR3_ADDRESS;
        const kept = seen[side];
        kept.delete(root);
        kept.set(root, { tables: { root, levels }, user: execution.cpl === 3 });
        const [oldest] = kept.keys();
        if (kept.size > MOST && oldest !== undefined) kept.delete(oldest);
      }
    },
    of: (side) => [...seen[side].values()].toReversed(),
  };
}

function sideOf(place: ReturnType<typeof readVcpus>[number]['place']): KernelSide | undefined {
  if (place === 'capture-kernel') return 'capture';
  return place === 'first-kernel' || place === 'user' ? 'production' : undefined;
}
