import { usageFault } from '../model/fault.js';
import type { Kernel } from '../model/kernel.js';
import type { KeepVmcore } from './guest-defaults.js';
import type { RunPlan } from './run-plan.js';
import type { Scenario } from './scenario.js';

/** Kinds of pages that are left out: zero, cache, private cache, user and free pages (makedumpfile(8), -d). */
export const DUMP_LEVEL = 31;

const BESIDE_MEMORY_MIB = 64;

/** The most that a dump of so much memory may have, MiB: all pages, none compressed, and what tells of them. */
export function mostOfDumpMiB(memoryMiB: number): number {
  return memoryMiB + BESIDE_MEMORY_MIB;
}

/**
 * Some ten times what a capture kernel needs for a guest of 768 MiB (measured: 4 s under TCG, QEMU 7.2), and a minute for
 * its start.
 */
const DUMP_MS = 60_000;
const DUMP_MS_PER_MIB = 50;

/** Machines without PCI (QEMU 7.2): the disk is a PCI device. */
const WITHOUT_PCI = /^(type=)?(isapc|microvm)(,|$)/;

/** Whether the capture kernel of a run writes a dump. */
export function writesVmcore({ keepVmcore }: Pick<RunPlan, 'keepVmcore'>): boolean {
  return keepVmcore?.diskMiB !== undefined;
}

/** What keeping a dump changes of a run. */
export interface KeptVmcore {
  readonly plan: NonNullable<RunPlan['keepVmcore']>;
  /** For the capture kernel's command line. */
  readonly words: readonly string[];
  /** The time that the capture kernel has for it, milliseconds. */
  readonly dumpMs: number;
}

/** The parts of a run that decide whether a dump of it can be kept. */
interface Dumped {
  readonly scenario: Pick<Scenario, 'name' | 'crashKernel'>;
  readonly machine: { readonly type: string; readonly memoryMiB: number };
  readonly kernel: Pick<Kernel, 'bits' | 'spec'>;
  readonly captureKernel: Pick<Kernel, 'bits' | 'spec'>;
  readonly host?: string | undefined;
}

/**
 * How a dump of a run is kept; undefined when none is asked for. A run that loads no crash kernel has no disk: nothing
 * would write to it. Throws a usage fault when the run cannot keep one.
 */
export function keptVmcore(
  of: KeepVmcore | undefined,
  { scenario, machine, kernel, captureKernel, host }: Dumped,
): KeptVmcore | undefined {
  if (of === undefined) return undefined;
  const refuse = (why: string) => usageFault(`cannot keep the vmcore of scenario "${scenario.name}": ${why}`);
  const narrow = [kernel, captureKernel].find(({ bits }) => bits === 32);
  if (narrow !== undefined)
    throw refuse(`kernel ${narrow.spec} is a 32-bit one; leave out --keep-vmcore, or choose a 64-bit kernel`);
  if (host !== undefined)
    throw refuse(`host ${host} would write it there; leave out --keep-vmcore, or run it on this host`);
  if (scenario.crashKernel !== 'loaded') return { plan: { of }, words: [], dumpMs: 0 };
  if (WITHOUT_PCI.test(machine.type))
    throw refuse(
      `machine ${machine.type} has no PCI for the disk that takes it; leave out --keep-vmcore, or choose another machine`,
    );
  const dumpMs = DUMP_MS + machine.memoryMiB * DUMP_MS_PER_MIB;
  return {
    plan: { of, diskMiB: mostOfDumpMiB(machine.memoryMiB) },
    words: [`crashpath.dump=${DUMP_LEVEL},${Math.round(dumpMs / 1000)}`],
    dumpMs,
  };
}
