import { closeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freeBytes, readResources } from '../host/resources.js';
import { openMemoryFile, SHARED_MEMORY } from '../machine/qemu/clone.js';
import { openQemu } from '../machine/qemu/open.js';
import { errnoOf } from '../model/errno.js';
import { guestName } from '../plan/guest-spec.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { MachineOpener } from '../run/machine-opener.js';
import { makeTemplate, type Template, type TemplateOptions } from '../run/template.js';

/** Runs of one guest below which booting a template first costs more than it saves. */
const FEWEST_RUNS = 3;
/** Of the runs of one guest, every so many boots: clones share what the boot left to chance. */
const CONTROL_EVERY = 10;
/** Templates that are kept at a time; each keeps its guest's memory. */
const MOST_TEMPLATES = 4;
const MIB = 1024 * 1024;
/** Below the campaign's directory. */
const TEMPLATES = 'templates';

/** The templates of a campaign: one for each guest of which enough runs are to come. */
export interface Templates {
  /** The template of a run, which is made first; undefined: the run boots. Each call is followed by one of `done`. */
  of(plan: RunPlan): Promise<Template | undefined>;
  /** The run has ended. */
  done(plan: RunPlan): void;
  /** Gives back all memory. */
  close(): void;
}

/** One guest: everything that decides what a template is. */
interface Guest {
  /** Runs that are to come, as far as they are known. */
  left: number;
  /** Runs that have begun. */
  begun: number;
  /** Runs under way. */
  running: number;
  template: Promise<Template | undefined> | undefined;
  memory: number | undefined;
}

/** Options of {@link campaignTemplates}. */
export type TemplatesOptions = Pick<TemplateOptions, 'cacheDir' | 'signal'> & {
  /** Starts the machines; QEMU when absent. */
  readonly open?: MachineOpener | undefined;
  /** Of the campaign; the templates' recordings are kept in `templates/` of it. */
  readonly directory: string;
  /** The runs of the campaign; `unknown`: as many as needed, of whatever guest. */
  readonly plans: readonly RunPlan[] | 'unknown';
  /** A guest is about to be booted for its clones, or could not be saved. */
  readonly onProgress?: ((text: string) => void) | undefined;
};

/** Templates for the runs of a campaign, none of which has begun. */
export function campaignTemplates({
  directory,
  plans,
  cacheDir,
  signal,
  onProgress,
  open = openQemu,
}: TemplatesOptions): Templates {
  const guests = new Map<string, Guest>();
  const guestOf = (plan: RunPlan): Guest => {
    const key = guestKey(plan);
    const left = plans === 'unknown' ? Number.POSITIVE_INFINITY : 0;
    const guest = guests.get(key) ?? { left, begun: 0, running: 0, template: undefined, memory: undefined };
    // The one that was used last is the last to go.
    guests.delete(key);
    guests.set(key, guest);
    return guest;
  };
  if (plans !== 'unknown') for (const plan of plans) guestOf(plan).left += 1;
  let made = 0;

  async function make(plan: RunPlan, guest: Guest): Promise<Template | undefined> {
    const memory = openMemoryFile();
    guest.memory = memory;
    const name = await freshName();
    const path = join(directory, name);
    onProgress?.(`${name}: booting ${plan.kernel.label} once; its runs begin as clones`);
    const template = await makeTemplate(plan, {
      ...{ name, directory: path, memory, cacheDir, signal, open },
    });
    if (!('why' in template)) return template;
    onProgress?.(`${name}: there are no clones, each run boots: ${template.why}`);
    giveBack(guest);
    return undefined;
  }

  /** Makes the directory of the next template; those of an earlier part of the campaign stay. */
  async function freshName(): Promise<string> {
    await mkdir(join(directory, TEMPLATES), { recursive: true, mode: 0o700 });
    for (;;) {
      made += 1;
      const name = `${TEMPLATES}/${String(made).padStart(3, '0')}`;
      try {
        await mkdir(join(directory, name), { mode: 0o700 });
        return name;
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw error;
      }
    }
  }

  /** Whether there is room for another template; one that no run uses makes room. */
  function hasRoom(memoryMiB: number): boolean {
    const kept = () => [...guests.values()].filter(({ memory }) => memory !== undefined);
    const fits = () =>
      kept().length < MOST_TEMPLATES &&
      readResources().availableBytes > 3 * memoryMiB * MIB &&
      // A QEMU that writes to a full file system there is killed (SIGBUS).
      freeBytes(SHARED_MEMORY) > memoryMiB * MIB;
    while (!fits()) {
      const idle = kept().find(({ running }) => running === 0);
      if (idle === undefined) return false;
      giveBack(idle);
      idle.template = undefined;
    }
    return true;
  }

  return {
    async of(plan) {
      const guest = guestOf(plan);
      const number = guest.begun;
      const { left } = guest;
      guest.begun += 1;
      guest.left -= 1;
      guest.running += 1;
      if (!isClonable(plan) || number % CONTROL_EVERY === 0) return undefined;
      if (guest.template === undefined && (left < FEWEST_RUNS || !hasRoom(plan.machine.memoryMiB)))
        return undefined;
      guest.template ??= make(plan, guest);
      return guest.template;
    },
    done(plan) {
      const guest = guestOf(plan);
      guest.running -= 1;
      if (guest.left <= 0 && guest.running === 0) giveBack(guest);
    },
    close() {
      for (const guest of guests.values()) giveBack(guest);
    },
  };
}

/** The file's pages are freed when no clone maps them any more. */
function giveBack(guest: Guest): void {
  if (guest.memory !== undefined) closeSync(guest.memory);
  guest.memory = undefined;
}

/**
 * A network card's connection and the disk for a dump are not part of a saved state, and a guest without a crash kernel is
 * not marked.
 */
function isClonable({ scenario, host, keepVmcore }: RunPlan): boolean {
  const isPlain = host === undefined && keepVmcore === undefined;
  return isPlain && scenario.guest.nic === undefined && scenario.crashKernel === 'loaded';
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
