import { stat } from 'node:fs/promises';
import { sha256OfFile } from '../cache/sha256.js';
import { Fault } from '../model/fault.js';
import type { RunPlan } from '../plan/run-plan.js';

/** The parts of a plan that say which file the first kernel is started from. */
export type KernelPlan = Pick<RunPlan, 'kernel' | 'repacked'>;

/** Another kernel is where the planned one was. What was run is recorded; the rest would be judged as that kernel's. */
export class KernelChanged extends Fault {
  constructor({ kernel }: KernelPlan, path: string) {
    super(
      'harness',
      `cannot begin a run on kernel "${kernel.spec}": ${path} is another file than when the campaign began (sha256 was ${kernel.sha256.slice(0, 12)}); put that kernel back and --resume, or begin a new campaign`,
    );
    this.name = 'KernelChanged';
  }
}

/**
 * Makes the question that is asked before each run: whether the first kernel is still the file that was planned. Builds
 * write to the same path, the release in the file can stay the same, and a campaign or its resumption takes days. The
 * capture kernel is a part of an image, which is named by its content. Throws {@link KernelChanged}; a file that is missing
 * is left to the machine, which says so. A file is read again only when its size, inode or times have changed.
 */
export function plannedKernels(): (plan: KernelPlan) => Promise<void> {
  const known = new Map<string, string>();
  return async (plan) => {
    const { bzImage: path, sha256 } = plan.repacked?.first ?? plan.kernel;
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (found === undefined) return;
    const key = [path, sha256].join('\0');
    const version = [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join(' ');
    if (known.get(key) === version) return;
    const read = await sha256OfFile(path).catch(() => undefined);
    if (read !== undefined && read !== sha256) throw new KernelChanged(plan, path);
    known.set(key, version);
  };
}
