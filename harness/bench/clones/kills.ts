#!/usr/bin/env node
/**
 * `npm run bench:clone-kills`: SIGKILLs at random moments of campaigns of clones, each followed by checks; what was killed
 * is resumed. docs/campaigns.md.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { print, say } from '../../cli/context.js';
import { nonEmpty, wholeNumber } from '../../cli/words/option-values.js';
import { single } from '../../cli/words/shared-options.js';
import { EXIT } from '../../model/fault.js';
import { carryOut } from '../carry-out.js';
import { mulberry32 } from '../random.js';
import {
  type CampaignProcess,
  endBySignals,
  killNow,
  processesIn,
  socketsOutside,
  startCampaign,
  watchSharedMemory,
} from './campaign-process.js';
import { wrongInCampaign } from './stranger.js';

const VICTIMS = ['crashpath', 'qemu', 'both', 'group'] as const;
/** SIGKILLs of one campaign before it may come to its end. */
const KILLS_OF_ONE = 5;
/** A killed process is gone by then, and so are those that die with it. */
const GONE_MS = 5_000;
/** A campaign that does not end by then hangs. */
const END_MS = 600_000;
const KILLS = 200;
const RUNS = 6;

interface KillBenchOptions {
  readonly random: () => number;
  /** Words that choose the guest. */
  readonly guest: readonly string[];
  readonly jobs: number;
}

class KillBench {
  readonly #out: string;
  readonly #options: KillBenchOptions;
  kills = 0;
  campaigns = 0;
  resumed = 0;
  runs = 0;
  readonly ofVictim = new Map<(typeof VICTIMS)[number], number>();
  /** How long a whole campaign takes, milliseconds, as far as is known. */
  #wholeMs = 30_000;

  constructor(out: string, options: KillBenchOptions) {
    this.#out = out;
    this.#options = options;
  }

  /** One campaign, killed and resumed until it is complete. Returns how many things were wrong. */
  async campaign(kills: number): Promise<number> {
    this.campaigns += 1;
    const name = `c${this.campaigns}`;
    const directory = join(this.#out, name);
    const printed: string[] = [];
    let wrong = 0;
    let left = Math.min(KILLS_OF_ONE, kills - this.kills);
    const words = ['run', 'sysrq-task', ...this.#options.guest, '--repeat', String(RUNS), '--name', name];
    const begin = () => this.#start(words);
    let running = begin();
    for (;;) {
      const startedMs = performance.now();
      const afterMs = this.#options.random() * this.#wholeMs * 0.8;
      const outcome = left === 0 ? await within(running.ended, END_MS) : await within(running.ended, afterMs);
      if (outcome !== 'late') {
        printed.push(...running.printed());
        if (await isBegun(directory)) {
          wrong += await this.#complete(directory, { printed, exitCode: outcome, running });
          this.#wholeMs = (this.#wholeMs + Math.max(500, performance.now() - startedMs)) / 2;
          return wrong;
        }
        // It was killed before it had a directory; a run that ends by itself has one.
        if (outcome !== null) {
          print(`${name}: it ended with ${outcome} and no campaign: ${running.messages().trim()}\n`);
          return wrong + 1;
        }
        running = begin();
        continue;
      }
      if (left === 0) {
        print(`${name}: it does not end\n`);
        process.kill(running.pid, 'SIGKILL');
        return wrong + 1;
      }
      left -= 1;
      const { victim, complaints } = await this.#kill(running);
      printed.push(...(victim === 'qemu' ? [] : running.printed()));
      const checked =
        victim === 'qemu' ? [] : await wrongInCampaign(directory, { printed, isComplete: false });
      const bad = [...complaints, ...checked];
      wrong += bad.length;
      const at = `${(afterMs / 1000).toFixed(2)} s`;
      print(
        `kill ${this.kills}: ${name}, ${victim} at ${at}, ${printed.length} of ${RUNS} printed: ${bad.length === 0 ? 'ok' : bad.join('; ')}\n`,
      );
      if (victim === 'qemu') continue;
      if (!(await isBegun(directory))) {
        await rm(directory, { recursive: true, force: true });
        running = begin();
      } else {
        this.resumed += 1;
        running = this.#start(['run', '--resume', directory]);
      }
    }
  }

  #start(words: readonly string[]): CampaignProcess {
    const isFresh = !words.includes('--resume');
    return startCampaign([
      ...[...words, '--clone', '--json', '--jobs', String(this.#options.jobs)],
      ...(isFresh ? ['--vmcore', 'nonce', '--out', this.#out] : []),
    ]);
  }

  /** Kills something of a campaign, and says what is left of it that should not be. */
  async #kill({ pid, ended }: CampaignProcess) {
    const { random } = this.#options;
    const qemus = await this.#qemus();
    const wanted = VICTIMS[Math.floor(random() * VICTIMS.length)] ?? 'crashpath';
    const victim = wanted === 'qemu' && qemus.length === 0 ? 'crashpath' : wanted;
    this.kills += 1;
    this.ofVictim.set(victim, (this.ofVictim.get(victim) ?? 0) + 1);
    const one = qemus[Math.floor(random() * qemus.length)];
    if (victim === 'qemu' && one !== undefined) killNow(one);
    if (victim === 'both') for (const other of qemus) killNow(other);
    if (victim === 'group') killNow(-pid);
    if (victim === 'crashpath' || victim === 'both') killNow(pid);
    if (victim === 'qemu') return { victim, complaints: [] };
    await ended;
    const untilMs = performance.now() + GONE_MS;
    let left = await processesIn(this.#out);
    while (left.length > 0 && performance.now() < untilMs) {
      await sleep(50);
      left = await processesIn(this.#out);
    }
    const complaints = left.map((other) => `process ${other.pid} is left: ${other.command.slice(0, 120)}`);
    for (const socket of await socketsOutside(this.#out))
      complaints.push(`socket ${socket} is outside of a run`);
    return { victim, complaints };
  }

  async #complete(
    directory: string,
    {
      printed,
      exitCode,
      running,
    }: {
      readonly printed: readonly string[];
      readonly exitCode: number | null;
      readonly running: CampaignProcess;
    },
  ): Promise<number> {
    const bad = await wrongInCampaign(directory, { printed, isComplete: true });
    this.runs += RUNS;
    for (const other of await processesIn(this.#out))
      bad.push(`process ${other.pid} is left: ${other.command}`);
    // 3: of a killed QEMU no run says anything about the kernel.
    if (exitCode !== EXIT.expected && exitCode !== EXIT.harness) bad.push(`exit code ${exitCode}`);
    if (bad.length > 0) bad.push(`its last messages: ${running.messages().trim().slice(-400)}`);
    for (const one of bad) print(`${directory}: ${one}\n`);
    return bad.length;
  }

  async #qemus(): Promise<number[]> {
    return (await processesIn(this.#out)).flatMap(({ pid, command }) =>
      command.includes('qemu-system') ? [pid] : [],
    );
  }
}

async function isBegun(directory: string): Promise<boolean> {
  return (await readdir(directory).catch((): string[] => [])).includes('campaign.json');
}

async function within<T>(promise: Promise<T>, ms: number): Promise<T | 'late'> {
  const done = new AbortController();
  const late = sleep(ms, 'late' as const, { signal: done.signal }).catch(() => 'late' as const);
  const first = await Promise.race([promise, late]);
  done.abort();
  return first;
}

endBySignals();
await carryOut('bench:clone-kills', async () => {
  const words = await yargs(hideBin(process.argv))
    .scriptName('npm run bench:clone-kills --')
    .option('kills', {
      ...single(wholeNumber('--kills', { least: 1, most: 100_000 })),
      describe: `Default ${KILLS}`,
    })
    .option('seed', {
      ...single(wholeNumber('--seed', { least: 0, most: 999_999_999 })),
      describe: 'Of the moments and victims',
    })
    .option('kernel', { ...single(nonEmpty('--kernel')), alias: 'k', describe: 'Default stock (built)' })
    .option('jobs', { ...single(wholeNumber('--jobs', { least: 1, most: 16 })), describe: 'Default 2' })
    .option('keep', { type: 'boolean', default: false, describe: 'Keep the campaigns' })
    .strict()
    .parseAsync();
  const seed = words.seed ?? Math.floor(Math.random() * 1e9);
  const kills = words.kills ?? KILLS;
  const out = await mkdtemp(join(tmpdir(), 'crashpath-kills-'));
  say(`seed ${seed}, campaigns in ${out}`);
  const bench = new KillBench(out, {
    random: mulberry32(seed),
    guest: ['-k', words.kernel ?? 'stock', '--memory', '512', '--crashkernel', '128M'],
    jobs: words.jobs ?? 2,
  });
  const lostShared = await watchSharedMemory();
  let failed = 0;
  while (bench.kills < kills) failed += await bench.campaign(kills);
  const leaks = await lostShared();
  for (const leak of leaks) print(`${leak}\n`);
  const all = failed + leaks.length;
  const { ofVictim, resumed, runs } = bench;
  const counts = VICTIMS.map((victim) => `${ofVictim.get(victim) ?? 0} ${victim}`).join(', ');
  print(
    `${bench.kills} kills (${counts}), ${bench.campaigns} campaigns, ${resumed} resumed, ${runs} runs; ${all === 0 ? 'nothing is wrong' : `${all} things are wrong`}; seed ${seed}\n`,
  );
  if (all === 0 && !words.keep) await rm(out, { recursive: true, force: true });
  return all === 0 ? EXIT.expected : EXIT.unexpected;
});
