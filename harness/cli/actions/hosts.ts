import type { Seat } from '../../campaign/seats.js';
import { planOnHost } from '../../campaign/resume.js';
import { openQemu } from '../../machine/qemu/open.js';
import { type SshHost, sshHost } from '../../machine/qemu/hosts/ssh-host.js';
import type { RunPlan } from '../../plan/run-plan.js';
import type { PlannedHost } from '../../prepare/options.js';
import { LOCAL_HOST_NAME, parseHostAddress } from '../../ssh/address.js';
import { HostLost } from '../../ssh/host-lost.js';
import { complain, hostQemuBinary, qemuBinary } from '../context.js';
import { defaultJobs } from './campaigns.js';

/** The plans of a campaign for one of its hosts. */
export interface HostPlans {
  readonly name: string;
  readonly plans: readonly RunPlan[];
}

/** The hosts that a command was given; they are connected when they are first used. */
export interface HostPool extends Disposable {
  readonly names: readonly string[];
  /** For planning, in their order. */
  readonly planned: readonly PlannedHost[];
  /** Their seats; `jobs` is for each host, by default as many guests as its CPUs have room for. */
  seats(hosts: readonly HostPlans[], jobs: number | undefined): Promise<Seat[]>;
}

/** The hosts of these names; `local` is this one. */
export function hostPool(names: readonly string[]): HostPool {
  const hosts = names.map((name) => ({
    name,
    there: name === LOCAL_HOST_NAME ? undefined : sshHost(parseHostAddress(name)),
  }));
  return {
    names,
    planned: hosts.map(({ there }) =>
      there === undefined ? { qemuBinary: qemuBinary() } : { there, qemuBinary: hostQemuBinary() },
    ),
    async seats(all, jobs) {
      const seats: Seat[] = [];
      const lost: HostLost[] = [];
      for (const { name, there } of hosts) {
        const plans = all.find((one) => one.name === name)?.plans;
        if (plans === undefined) continue;
        try {
          // A host on which no QEMU starts is refused before anything runs.
          await there?.tryQemu(hostQemuBinary());
          seats.push({
            ...(there === undefined ? HERE : seatThere(there)),
            jobs: jobs ?? (await roomFor(plans, there)),
            planOf: (plan) => planOnHost(plan, plans),
          });
        } catch (error) {
          // The other hosts do its runs.
          if (!(error instanceof HostLost)) throw error;
          lost.push(error);
        }
      }
      // What is thrown is reported by the caller.
      const thrown = seats.length === 0 ? lost.pop() : undefined;
      for (const { message } of lost) complain(`crashpath: ${message}`);
      if (thrown !== undefined) throw thrown;
      return seats;
    },
    [Symbol.dispose]() {
      for (const { there } of hosts) there?.close();
    },
  };
}

const HERE: Pick<Seat, 'name' | 'open'> = { name: undefined, open: openQemu };

function seatThere(host: SshHost): Pick<Seat, 'name' | 'open' | 'memory' | 'isThere'> {
  return {
    name: host.name,
    memory: host,
    open: (plan, place) => openQemu(plan, { ...place, host }),
    isThere: () => host.isThere(),
  };
}

async function roomFor(plans: readonly RunPlan[], host: SshHost | undefined): Promise<number> {
  return host === undefined ? defaultJobs(plans) : defaultJobs(plans, (await host.facts()).cpus);
}

/**
 * The one host of a command's plans: what is derived from them runs there as well. Undefined seats mean this host.
 */
export async function oneSeat(
  pool: HostPool,
  plans: readonly RunPlan[],
  jobs: number | undefined,
): Promise<Seat[] | undefined> {
  const [name] = pool.names;
  if (name === undefined || name === LOCAL_HOST_NAME) return undefined;
  const seats = await pool.seats([{ name, plans }], jobs);
  return seats.map((seat) => ({ ...seat, planOf: undefined }));
}

/** The hosts on which the plans of a stored campaign run; none for this host. */
export function hostsIn(plans: readonly RunPlan[]): string[] {
  return [...new Set(plans.flatMap(({ host }) => host ?? []))];
}
