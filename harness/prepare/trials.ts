import type { Cell } from '../model/cell.js';
import { usageFault } from '../model/fault.js';
import type { LoadSyscall } from '../plan/guest-defaults.js';
import type { Scenario } from '../plan/scenario.js';
import type { ShippedFiles } from './options.js';
import { loadScenarios } from './scenario-files.js';

/** Scenarios and kernels by name: every scenario runs on every kernel. */
export interface NamedRuns {
  /** Names, paths, or scenarios that are already read. */
  readonly scenario: readonly (string | Scenario)[];
  /** Kernel specs. */
  readonly kernel: readonly string[];
  /** Absent: each kernel is its own capture kernel. */
  readonly captureKernel?: string | undefined;
  readonly append?: string | undefined;
  readonly captureAppend?: string | undefined;
  /** Runs of each scenario on each kernel; 1 when absent. */
  readonly repeat?: number | undefined;
}

/** The common part of all trials of one scenario on one kernel. */
export interface PlannedCell {
  readonly scenario: Scenario;
  readonly spec: string;
  /** Absent: the kernel is its own capture kernel. */
  readonly captureSpec: string | undefined;
  readonly append: string | undefined;
  readonly captureAppend: string | undefined;
  /** Absent: that of all runs. */
  readonly captureCmdline?: string | undefined;
  /** Absent: that of all runs. */
  readonly loadSyscall?: LoadSyscall | undefined;
  /** Present for a campaign file. */
  readonly cell?: Cell | undefined;
}

/** One run to be planned, on each of its machines. Trials count from 1. */
export interface Trial {
  readonly cell: PlannedCell;
  readonly trial: number;
}

/**
 * Which trials do names mean? Kernel by kernel, scenario by scenario, all repeats of a pair in a row. Throws a usage
 * fault for a scenario that cannot be read.
 */
export async function trialsOf(
  { scenario, kernel, captureKernel: captureSpec, append, captureAppend, repeat = 1 }: NamedRuns,
  files: ShippedFiles,
): Promise<Trial[]> {
  const loaded = scenario.map(async (given) =>
    typeof given === 'string' ? loadScenarios(given, files) : [given],
  );
  const scenarios = (await Promise.all(loaded)).flat();
  requireCaptureKernel(scenarios, { captureSpec, captureAppend });
  const cells = kernel.flatMap((spec) =>
    scenarios.map((one): PlannedCell => ({ scenario: one, spec, captureSpec, append, captureAppend })),
  );
  return cells.flatMap((cell) => Array.from({ length: repeat }, (_, index) => ({ cell, trial: index + 1 })));
}

/** Throws a usage fault for choices about a capture kernel when no scenario loads one. */
function requireCaptureKernel(
  scenarios: readonly Scenario[],
  { captureSpec, captureAppend }: { captureSpec: string | undefined; captureAppend: string | undefined },
): void {
  const [option, value] =
    captureSpec === undefined ? ['--capture-append', captureAppend] : ['--capture-kernel', captureSpec];
  if (value === undefined || scenarios.some(({ crashKernel }) => crashKernel === 'loaded')) return;
  const names = scenarios.map(({ name }) => name).join(', ');
  throw usageFault(`cannot use ${option} "${value}": ${names} loads no crash kernel; leave it out`);
}
