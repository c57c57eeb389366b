import { resolve, sep } from 'node:path';
import { runCampaign } from '../../campaign/run-campaign.js';
import type { Seat } from '../../campaign/seats.js';
import type { Templates } from '../../campaign/templates.js';
import { resolveKernel } from '../../kernel/index.js';
import { buildFromGit } from '../../nightly/git-build.js';
import type { NightWorks } from '../../nightly/works.js';
import { freshNonce, planTrialsOnHosts } from '../../prepare/plan-runs.js';
import { cacheOptions, complain, prepareOptions, say, version } from '../context.js';
import { cacheDirectory } from '../directories.js';
import { defaultJobs } from './campaigns.js';
import { templatesFor } from './clones.js';
import { type HostPool, hostPool } from './hosts.js';
import { writePage } from '../../campaign/write-page.js';
import { CAMPAIGN } from '../../nightly/night-directory.js';

/** The works of real nights. Disposing of them closes the connections to other hosts. */
export function nightWorks(
  hosts: readonly string[],
  signal: AbortSignal,
  { clone }: { readonly clone: boolean },
): NightWorks & Disposable {
  const pool: HostPool = hostPool(hosts);
  let seats: Promise<Seat[]> | undefined;
  let templates: Templates | undefined;
  const options = { ...cacheOptions(), signal };
  // A night is planned in many parts, which say the same of the accelerator.
  const told = new Set<string>();
  const sayOnce = (line: string) => {
    if (!told.has(line)) say(line);
    told.add(line);
  };
  return {
    resolve: (spec) => resolveKernel(spec, options),
    build: (request) => buildFromGit(request, options),
    isKept: ({ bzImage }) => resolve(bzImage).startsWith(`${resolve(cacheDirectory())}${sep}`),
    plan: (trials, choices, named) =>
      planTrialsOnHosts(trials, choices, {
        ...prepareOptions(),
        onProgress: sayOnce,
        campaign: CAMPAIGN,
        hosts: named.length === 0 ? undefined : pool.planned,
      }),
    async run(directory, plans, { jobs, hosts: named, mayBegin, onStart, onEvent, onResult, signal: stop }) {
      if (named.length > 0) seats ??= pool.seats(named, jobs);
      const seated = await seats;
      // A night's parts have one directory; how many runs are to come is not known.
      templates ??= templatesFor(clone, { directory, plans: 'unknown', signal });
      return await runCampaign(directory, plans, {
        jobs: jobs ?? defaultJobs(plans),
        seats: seated?.map((seat) => ({
          ...seat,
          planOf: (plan) => named.find(({ name }) => name === nameOf(seat))?.planOf(plan) ?? plan,
        })),
        onHostOut: ({ name }) => complain(`crashpath: host ${name} is lost and gets no more runs`),
        cacheDir: cacheDirectory(),
        signal: stop,
        templates,
        mayBegin,
        onStart,
        onEvent,
        onResult,
      });
    },
    jobsFor: (plans) => defaultJobs(plans),
    report: (directory, seen) => writePage(directory, { ...seen, crashpathVersion: version() }),
    freshNonce,
    wallClock: () => new Date(),
    monotonicMs: () => performance.now(),
    say,
    complain,
    [Symbol.dispose]() {
      templates?.close();
      pool[Symbol.dispose]();
    },
  };
}

/** As the night's file names the host of a seat. */
function nameOf({ name }: Seat): string {
  return name ?? 'local';
}
