import { closeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openMemoryFile } from '../machine/qemu/clone.js';
import { guestName } from '../plan/guest-spec.js';
import type { RunPlan } from '../plan/run-plan.js';
import { makeTemplate, type Template, type TemplateOptions } from '../run/template.js';

/** Runs of one guest below which booting a template first costs more than it saves. */
const FEWEST_RUNS = 3;
/** Of the runs of one guest, every so many boots: clones share what the boot left to chance. */
const CONTROL_EVERY = 10;

/** The templates of a campaign: one for each guest of which enough runs are to come. */
export interface Templates {
  /** The template of a run, which is made first; undefined: the run boots. */
  of(plan: RunPlan): Promise<Template | undefined>;
  /** The run has ended: the memory of a template that no later run needs is given back. */
  done(plan: RunPlan): void;
  /** Gives back all memory. */
  close(): void;
}

/** One guest: everything that decides what a template is. */
interface Guest {
  /** Runs that have not ended. */
  left: number;
  /** Runs that have begun. */
  begun: number;
  template: Promise<Template | undefined> | undefined;
  memory: number | undefined;
}

/** Options of {@link campaignTemplates}. */
export type TemplatesOptions = Pick<TemplateOptions, 'open' | 'cacheDir' | 'signal'> & {
  /** Of the campaign; the templates' recordings are kept in `templates/` of it. */
  readonly directory: string;
  /** A guest is about to be booted for its clones, or could not be saved. */
  readonly onProgress?: ((text: string) => void) | undefined;
};

/** Templates for the runs of `plans`, none of which has begun. */
export function campaignTemplates(
  plans: readonly RunPlan[],
  { directory, open, cacheDir, signal, onProgress }: TemplatesOptions,
): Templates {
  const guests = new Map<string, Guest>();
  for (const plan of plans) {
    const key = guestKey(plan);
    const guest = guests.get(key) ?? { left: 0, begun: 0, template: undefined, memory: undefined };
    guest.left += 1;
    guests.set(key, guest);
  }
  let made = 0;

  async function make(plan: RunPlan, guest: Guest): Promise<Template | undefined> {
    made += 1;
    const name = `templates/${String(made).padStart(3, '0')}`;
    const path = join(directory, name);
    onProgress?.(`${name}: booting ${plan.kernel.label}, of which runs are cloned`);
    await mkdir(path, { recursive: true, mode: 0o700 });
    const memory = openMemoryFile();
    guest.memory = memory;
    const template = await makeTemplate(plan, { name, directory: path, open, memory, cacheDir, signal });
    if (!('why' in template)) return template;
    onProgress?.(`${name}: no clones of ${plan.kernel.label}, each run boots: ${template.why}`);
    release(guest);
    return undefined;
  }

  return {
    async of(plan) {
      const guest = guests.get(guestKey(plan));
      if (guest === undefined) return undefined;
      const number = guest.begun;
      guest.begun += 1;
      if (!isClonable(plan) || number % CONTROL_EVERY === 0) return undefined;
      if (guest.template === undefined && guest.left < FEWEST_RUNS) return undefined;
      guest.template ??= make(plan, guest);
      return guest.template;
    },
    done(plan) {
      const guest = guests.get(guestKey(plan));
      if (guest === undefined) return;
      guest.left -= 1;
      if (guest.left === 0) release(guest);
    },
    close() {
      for (const guest of guests.values()) release(guest);
    },
  };
}

/** The file's pages are freed when no clone maps them any more. */
function release(guest: Guest): void {
  if (guest.memory !== undefined) closeSync(guest.memory);
  guest.memory = undefined;
}

/** A network card's connection is not part of a saved state, and a guest without crash kernel is not marked. */
function isClonable({ scenario, host }: RunPlan): boolean {
  return host === undefined && scenario.guest.nic === undefined && scenario.crashKernel === 'loaded';
}

/** Equal for plans whose guests boot and are armed in the same way. */
function guestKey(plan: RunPlan): string {
  const name = guestName(plan.runId);
  const { qemu, machine, kernel, captureKernel, append, captureAppend, accel, limits, modules } = plan;
  return JSON.stringify([
    { ...qemu, args: qemu.args.map((word) => (word === name ? '' : word)) },
    [machine, kernel.sha256, captureKernel.sha256, append, captureAppend, accel.accel, limits, modules],
  ]);
}
