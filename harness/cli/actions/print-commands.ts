import { EXIT } from '../../model/fault.js';
import { shellQuote } from '../../model/shell-words.js';
import type { RunPlan } from '../../plan/run-plan.js';

/** One command line per run, quoted for a shell, which splits it into exactly QEMU's arguments. */
export function printCommands(plans: readonly RunPlan[]): number {
  for (const { qemu } of plans) process.stdout.write(`${shellQuote([qemu.binary, ...qemu.args])}\n`);
  return EXIT.expected;
}
