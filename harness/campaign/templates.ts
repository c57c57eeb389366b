import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FreeMemory, MemoryHost, TemplateMemory } from '../machine/qemu/host.js';
import { LOCAL_MEMORY } from '../machine/qemu/hosts/local-memory.js';
import { openQemu } from '../machine/qemu/open.js';
import { errnoOf, messageOf } from '../model/errno.js';
import type { RunEvent } from '../model/event.js';
import type { BootReason } from '../model/start.js';
import { guestName } from '../plan/guest-spec.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { MachineOpener } from '../run/machine-opener.js';
import { makeTemplate, type Start, type Template, type TemplateOptions } from '../run/template.js';
import { TEMPLATES } from '../store/campaign-directory.js';
import { storeFault } from '../store/store-fault.js';
import type { Seat } from './seats.js';
import { fitsBeside } from './template-room.js';

/** Runs of one guest below which booting a template first costs more than it saves. */
const FEWEST_RUNS = 3;
/** Of the runs of one guest, one in so many boots: clones share what their template's boot left to chance. */
export const CONTROL_EVERY = 10;
/** Clones of one template, before another is made: each has its own KASLR offset, threads and random numbers. */
const CLONES_EACH = 50;
/** Templates that are kept at a time; each keeps its guest's memory. */
const MOST_TEMPLATES = 16;
/** A template that was not used for so many runs may make room for another one. Sooner, guests in turn would boot each. */
const UNUSED_FOR = 32;
/** Templates in a row that could not be made, or whose clones could not begin, after which a guest has none. */
const MOST_FAILURES = 2;

/** The host of a run, and how machines start there. */
export type TemplateSeat = Pick<Seat, 'open' | 'memory'>;

/** How the runs of a campaign begin. */
export interface Templates {
  /**
   * How a run begins, on this host without a seat; its template is made first. Each call is followed by one of `done`, or of
   * `failed` and `done`.
   */
  of(plan: RunPlan, seat?: TemplateSeat): Promise<Start>;
  /**
   * The run could not begin as a clone. Its template is not used again. Returns the directory for its recording, which
   * does not exist.
   */
  failed(plan: RunPlan, why: string): string;
  /** The run has ended. */
  done(plan: RunPlan): void;
  /** Gives back all memory. */
  close(): void;
}

/** Every run boots, for one reason. */
export function everyRunBoots(booted: BootReason): Templates {
  return {
    of: async () => ({ booted }),
    failed: () => {
      throw new Error('a run that boots is no clone');
    },
    done: () => undefined,
    close: () => undefined,
  };
}

/** The memory of a template, made or in the making. */
interface Held {
  readonly memory: TemplateMemory;
  readonly host: string | undefined;
  readonly memoryMiB: number;
  made: Promise<Template | undefined>;
  /** Runs under way that began as its clones, or wait for it. */
  users: number;
  /** Clones so far. */
  clones: number;
  /** Number of the last run that used it. */
  usedAt: number;
  /** It gets no more clones, and its memory is given back after the last of them. */
  isOver: boolean;
}

/** One guest: everything that decides what a template is. */
interface Guest {
  /** Runs that are to come, as far as they are known. */
  left: number;
  /** All of them. */
  runs: number;
  /** Runs that have begun, and those of them that booted as controls, by scenario. */
  begun: number;
  readonly controls: Map<string, number>;
  current: Held | undefined;
  /** Templates in a row that failed. */
  failures: number;
  why: string | undefined;
}

/** A template that is wanted: for this plan, on this host. */
interface Wanted {
  readonly plan: RunPlan;
  /** Runs of its guest that are to come. */
  readonly left: number;
  readonly host: MemoryHost;
  readonly open: MachineOpener;
}

/** What is reported of the boots of templates. */
export interface BootWatch {
  readonly onStart?: (name: string) => void;
  readonly onEvent?: (name: string, event: RunEvent) => void;
  readonly onEnd?: (name: string) => void;
}

/** Options of {@link campaignTemplates}. */
export type TemplatesOptions = Pick<TemplateOptions, 'cacheDir' | 'signal'> & {
  /** Starts the machines; QEMU when absent. */
  readonly open?: MachineOpener | undefined;
  /** Of the campaign; the templates' recordings are kept in `templates/` of it. */
  readonly directory: string;
  /** The runs of the campaign; `unknown`: as many as needed, of whatever guest. */
  readonly plans: readonly RunPlan[] | 'unknown';
  /** What the guests do that boot for their clones; named by their directories in the campaign. */
  readonly boots?: BootWatch | undefined;
  /** A guest is about to be booted for its clones, is saved, or could not be. */
  readonly onProgress?: ((text: string) => void) | undefined;
  /** The memory of this host; asked when absent. */
  readonly room?: (() => Promise<FreeMemory>) | undefined;
};

/** Templates for the runs of a campaign, none of which has begun. */
export function campaignTemplates(options: TemplatesOptions): Templates {
  return new CampaignTemplates(options);
}

class CampaignTemplates implements Templates {
  readonly #options: TemplatesOptions;
  readonly #guests = new Map<string, Guest>();
  readonly #held = new Set<Held>();
  /** The template that a run under way uses, by the run's name. */
  readonly #usedBy = new Map<string, Held>();
  /** Runs that have begun. */
  #begun = 0;
  /** Number of the latest template. */
  #number = 0;
  /** Templates are made room for one after the other. */
  #lastRoom: Promise<unknown> = Promise.resolve();

  constructor(options: TemplatesOptions) {
    this.#options = options;
    if (options.plans === 'unknown') return;
    for (const plan of options.plans) {
      // Which of the hosts runs it is not known.
      if (plan.host !== undefined) continue;
      const guest = this.#guestOf(plan);
      guest.left += 1;
      guest.runs += 1;
    }
  }

  async of(plan: RunPlan, seat?: TemplateSeat): Promise<Start> {
    const host = plan.host === undefined ? LOCAL_MEMORY : seat?.memory;
    if (host === undefined) return { booted: 'other-host' };
    const { plans, open = openQemu } = this.#options;
    const guest = this.#guestOf(plan);
    const { left } = guest;
    const isControl = takesControl(guest, plan.scenario.name);
    guest.begun += 1;
    guest.left -= 1;
    this.#begun += 1;
    const runs = plans === 'unknown' ? guest.runs : Math.min(guest.runs, plans.length);
    if (runs <= FEWEST_RUNS) return { booted: 'few-runs' };
    if (!canBeCloned(plan)) return { booted: 'uncloneable' };
    if (isControl) return { booted: 'control' };
    if (guest.failures >= MOST_FAILURES) return { booted: 'no-template', saw: guest.why };
    const held = await this.#currentOf(guest, { plan, left, host, open: seat?.open ?? open });
    if (typeof held === 'string') return { booted: held };
    held.users += 1;
    held.clones += 1;
    held.usedAt = this.#begun;
    this.#usedBy.set(plan.runId, held);
    const template = await held.made;
    if (template !== undefined) return { template };
    this.#release(plan);
    return { booted: 'no-template', saw: guest.why };
  }

  failed(plan: RunPlan, why: string): string {
    const held = this.#usedBy.get(plan.runId);
    // Several clones of it may fail.
    if (held !== undefined && !held.isOver) this.#failure(this.#guestOf(plan), held, why);
    this.#release(plan);
    this.#options.onProgress?.(`${plan.runId}: cannot begin as a clone and boots: ${why}`);
    return unusedName(join(this.#options.directory, TEMPLATES, `failed-${plan.runId}`));
  }

  done(plan: RunPlan): void {
    const guest = this.#guests.get(guestKey(plan));
    if (guest === undefined) return;
    if (this.#release(plan)) guest.failures = 0;
    if (guest.left <= 0) this.#end(guest);
  }

  close(): void {
    for (const held of this.#held) held.memory.close();
    this.#held.clear();
    for (const guest of this.#guests.values()) guest.current = undefined;
  }

  #guestOf(plan: RunPlan): Guest {
    const key = guestKey(plan);
    const known = this.#guests.get(key);
    if (known !== undefined) return known;
    const isUnknown = this.#options.plans === 'unknown' || plan.host !== undefined;
    const many = isUnknown ? Number.POSITIVE_INFINITY : 0;
    const counts = { left: many, runs: many, begun: 0, controls: new Map<string, number>(), failures: 0 };
    const guest: Guest = { ...counts, current: undefined, why: undefined };
    this.#guests.set(key, guest);
    return guest;
  }

  /** A run no longer needs its template; false when it has none. */
  #release({ runId }: RunPlan): boolean {
    const held = this.#usedBy.get(runId);
    if (held === undefined) return false;
    this.#usedBy.delete(runId);
    held.users -= 1;
    this.#giveBackUnused(held);
    return true;
  }

  /** The template for the next clone; why there is none. */
  async #currentOf(guest: Guest, { plan, left, host, open }: Wanted): Promise<Held | BootReason> {
    const turn = this.#lastRoom.then(async () => {
      const { current } = guest;
      if (current !== undefined && (current.clones < CLONES_EACH || left < FEWEST_RUNS)) return current;
      if (current === undefined && left < FEWEST_RUNS) return 'few-runs';
      let memory: TemplateMemory;
      try {
        // Without room for another one, the old one goes on.
        if (!(await this.#hasRoom(guest, { plan, host }))) return current ?? 'no-room';
        memory = await host.openMemory();
      } catch (error) {
        guest.failures = MOST_FAILURES;
        guest.why = messageOf(error);
        return current ?? 'no-template';
      }
      if (current !== undefined) this.#end(guest);
      const idle = { users: 0, clones: 0, usedAt: this.#begun, isOver: false };
      const place = { memory, memoryMiB: plan.machine.memoryMiB, host: plan.host };
      const held: Held = { ...place, ...idle, made: Promise.resolve(undefined) };
      held.made = this.#make(guest, held, { plan, open });
      this.#held.add(held);
      guest.current = held;
      return held;
    });
    this.#lastRoom = turn.catch(() => undefined);
    return turn;
  }

  async #make(
    guest: Guest,
    held: Held,
    { plan, open }: Pick<Wanted, 'plan' | 'open'>,
  ): Promise<Template | undefined> {
    const { directory, cacheDir, signal, onProgress, boots } = this.#options;
    const name = await this.#freshName();
    const path = join(directory, name);
    onProgress?.(
      `${name}: booting ${plan.kernel.label} once${plan.host === undefined ? '' : ` on ${plan.host}`}; its runs begin as clones`,
    );
    boots?.onStart?.(name);
    const made = await makeTemplate(plan, {
      ...{ name, directory: path, memory: held.memory.path, cacheDir, signal, open },
      onEvent: (event) => boots?.onEvent?.(name, event),
    });
    boots?.onEnd?.(name);
    if (!('why' in made)) {
      onProgress?.(`${name}: saved after ${(made.tookMs / 1000).toFixed(1)} s`);
      return made;
    }
    this.#failure(guest, held, made.why);
    const each = guest.failures >= MOST_FAILURES ? 'there are no clones, each run boots' : 'no clones of it';
    onProgress?.(`${name}: ${each}: ${made.why}`);
    return undefined;
  }

  #failure(guest: Guest, held: Held, why: string): void {
    guest.failures += 1;
    guest.why = why;
    held.isOver = true;
    if (guest.current === held) guest.current = undefined;
    this.#giveBackUnused(held);
  }

  /** Makes the directory of the next template; those of an earlier part of the campaign stay. */
  async #freshName(): Promise<string> {
    const { directory } = this.#options;
    const templates = join(directory, TEMPLATES);
    await mkdir(templates, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw storeFault('create', templates, error);
    });
    for (;;) {
      this.#number += 1;
      const name = `${TEMPLATES}/${String(this.#number).padStart(3, '0')}`;
      try {
        await mkdir(join(directory, name), { mode: 0o700 });
        return name;
      } catch (error) {
        if (errnoOf(error) !== 'EEXIST') throw storeFault('create', join(directory, name), error);
      }
    }
  }

  /** Whether there is room for another template; those that no run has used for long make room. */
  async #hasRoom(guest: Guest, { plan, host }: Pick<Wanted, 'plan' | 'host'>): Promise<boolean> {
    for (;;) {
      const free = await (this.#options.room?.() ?? host.freeMemory());
      const there = [...this.#held].filter((held) => held.host === plan.host);
      if (there.length < MOST_TEMPLATES && fitsBeside(plan.machine.memoryMiB, free, there)) return true;
      const unused = [...this.#guests.values()].find(
        ({ current }) =>
          current !== undefined &&
          current !== guest.current &&
          current.host === plan.host &&
          current.users === 0 &&
          this.#begun - current.usedAt > UNUSED_FOR,
      );
      if (unused === undefined) return false;
      this.#end(unused);
    }
  }

  /** The guest's template gets no more clones. */
  #end(guest: Guest): void {
    const { current } = guest;
    if (current === undefined) return;
    guest.current = undefined;
    current.isOver = true;
    this.#giveBackUnused(current);
  }

  /** The file's pages are freed when no clone maps them any more; one that starts still has to open it. */
  #giveBackUnused(held: Held): void {
    if (!held.isOver || held.users > 0 || !this.#held.delete(held)) return;
    held.memory.close();
  }
}

/** A run that crashpath was killed in, or that is repeated because its directory was removed, may have failed before. */
function unusedName(path: string): string {
  let name = path;
  for (let number = 2; existsSync(name); number += 1) name = `${path}.${number}`;
  return name;
}

/**
 * Whether the next run of a guest boots as a control: one in ten, the first included. Where its scenarios take turns, each
 * gets its share.
 */
function takesControl({ begun, controls }: Guest, scenario: string): boolean {
  const taken = [...controls.values()].reduce((sum, count) => sum + count, 0);
  const own = controls.get(scenario) ?? 0;
  const isDue = taken * CONTROL_EVERY <= begun;
  const fewest = Math.min(...controls.values());
  const takes = isDue && (own === 0 || own <= fewest);
  controls.set(scenario, own + (takes ? 1 : 0));
  return takes;
}

/**
 * Disks and UEFI variables are files beside the memory, some IOMMUs and NVMe have no state that can be saved (QEMU 7.2),
 * and what is plugged is not in the arguments of a clone's QEMU.
 */
function canBeCloned({ machine, scenario }: RunPlan): boolean {
  const { guest, beforeLoading } = scenario;
  return machine.hardware === undefined && guest.disk === undefined && beforeLoading.length === 0;
}

/** Equal for plans whose guests boot and are armed in the same way. Deadlines, which scenarios lengthen, do not count. */
function guestKey(plan: RunPlan): string {
  const name = guestName(plan.runId);
  const { qemu, machine, kernel, captureKernel, repacked, append, captureAppend, accel, modules } = plan;
  const loading = [captureAppend, plan.loadSyscall];
  return JSON.stringify([
    { ...qemu, args: qemu.args.map((word) => (word === name ? '' : word)) },
    [machine, kernel.sha256, captureKernel.sha256, repacked, append, loading, accel.accel, modules],
    [plan.scenario.crashKernel, plan.host],
  ]);
}
