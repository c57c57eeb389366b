import { relative } from 'node:path';
import { EXIT } from '../../model/fault.js';
import type { NightRead } from '../../night/read-night.js';
import type { NightRecord } from '../../night/night-record.js';
import { nightly, type NightlyEnd, type NightlyOptions, rehearse } from '../../nightly/nightly.js';
import { expectedNightMs } from '../../nightly/expected-length.js';
import type { Standing } from '../../nightly/plan-night.js';
import type { NightWorks } from '../../nightly/works.js';
import { countOf, safeName } from '../../report/words.js';
import { complain, say } from '../context.js';

const NOTHING_NEW = 'nothing new: former nights have run all of it';
const NO_KERNEL = 'nothing to run: no kernel can be used';

/** Options of {@link carryOutNight}. */
export interface CarryOutOptions extends NightlyOptions {
  readonly json: boolean;
  readonly dryRun: boolean;
}

/** Carries out or rehearses a night and prints what came of it. `ended`: a signal has not cut it off. */
export async function carryOutNight(
  night: NightRead,
  works: NightWorks,
  { json, dryRun, ...options }: CarryOutOptions,
): Promise<{ exitCode: number; ended: boolean }> {
  if (dryRun) return { exitCode: await printRehearsal(night, works, options), ended: false };
  const end = await nightly(night, works, options);
  return { exitCode: printEnd(end, json), ended: end.kind === 'ended' };
}

function printEnd(end: NightlyEnd, json: boolean): number {
  switch (end.kind) {
    case 'unfinished':
      if (end.fault !== undefined) {
        complain(`crashpath: ${end.fault.message}`);
        complain(`crashpath: night ${end.night} has not ended; the same command continues it`);
      }
      return EXIT.harness;
    case 'nothing-new': {
      const { found, standing, faults } = end;
      print(
        json
          ? JSON.stringify({ schema: 1, kind: 'nothing-new', standing, faults })
          : [
              found === 0 ? NO_KERNEL : `${NOTHING_NEW} (--again runs it again)`,
              ...standing.map(standingText),
            ].join('\n'),
      );
      const code = standingExitCode(standing);
      return code !== EXIT.unexpected && faults.length > 0 ? EXIT.harness : code;
    }
    case 'ended': {
      const { outcome, directory, standing, hookFailures } = end;
      print(
        json ? JSON.stringify(outcome.verdicts) : [outcome.text, ...standing.map(standingText)].join('\n'),
      );
      say(`night: ${relative('.', directory)}`);
      for (const failure of hookFailures) complain(`crashpath: ${failure}`);
      if (outcome.exitCode !== EXIT.expected) return outcome.exitCode;
      const code = standingExitCode(standing);
      return code !== EXIT.unexpected && hookFailures.length > 0 ? EXIT.harness : code;
    }
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function standingText({ scenario, kernel, machine, word, since }: Standing): string {
  const cell = [scenario, kernel, ...(machine === undefined ? [] : [machine])].map(safeName).join('  ');
  return word === 'regressed'
    ? `STILL REGRESSED  ${cell}: since night ${since}; this build was not run again`
    : `NOT JUDGED       ${cell}: no trial of night ${since} could be judged; --again runs it again`;
}

function standingExitCode(standing: readonly Standing[]): number {
  if (standing.some(({ word }) => word === 'regressed')) return EXIT.unexpected;
  return standing.length > 0 ? EXIT.inconclusive : EXIT.expected;
}

async function printRehearsal(night: NightRead, works: NightWorks, options: NightlyOptions): Promise<number> {
  const { planned, unfinished, durations } = await rehearse(night, works, options);
  if (unfinished !== undefined) say(`night ${unfinished} has not ended: it would be continued first`);
  if (planned.kind === 'nothing-new') {
    for (const line of [...planned.faults, ...planned.deferred]) complain(line);
    print([planned.found === 0 ? NO_KERNEL : NOTHING_NEW, ...planned.standing.map(standingText)].join('\n'));
    return planned.faults.length > 0 ? EXIT.harness : EXIT.expected;
  }
  const { record } = planned;
  for (const line of [...record.faults, ...record.deferred]) complain(line);
  const expectedMs = expectedNightMs(record, {
    durations,
    jobs: record.jobs ?? works.jobsFor(plansOf(record)),
  });
  const length =
    expectedMs === undefined
      ? 'no former night says how long that takes'
      : `about ${Math.max(1, Math.round(expectedMs / 60_000))} min by the last night, before anything is confirmed`;
  print([...rehearsalLines(record), `${length}; the budget is ${night.budget}`].join('\n'));
  return record.faults.length > 0 ? EXIT.harness : EXIT.expected;
}

function plansOf({ arms }: NightRecord) {
  return arms.map(({ plan }) => plan);
}

function rehearsalLines({ controls, kernels, cells, arms }: NightRecord): string[] {
  const armOf = (id: string) => arms.find((arm) => arm.id === id);
  return [
    ...kernels.map(
      ({ name, release, sha256 }) =>
        `kernel   ${safeName(name)}: ${safeName(release)}, sha256 ${sha256.slice(0, 12)}`,
    ),
    ...controls.map(({ kind, arm }) => {
      const plan = armOf(arm)?.plan;
      return `control  ${kind}: ${safeName(plan?.scenario.name ?? '?')} on ${safeName(armOf(arm)?.kernel.spec ?? '?')}, at the begin and at the end`;
    }),
    ...cells.map(({ arm, scenario, kernel, machine, comparisons }) => {
      const names = comparisons.map(({ baseline, night }) => {
        const other = armOf(baseline);
        const counts = other?.trials === 0 ? 'counted already' : countOf(other?.trials ?? 0, 'run');
        return `${safeName(other?.kernel.release ?? '?')}${night === undefined ? '' : ` of night ${night}`} (${counts})`;
      });
      const cell = [scenario, kernel, ...(machine === undefined ? [] : [machine])].map(safeName).join('  ');
      const against = names.length === 0 ? 'no baseline yet' : `against ${names.join(', ')}`;
      return `cell     ${cell}: ${countOf(armOf(arm)?.trials ?? 0, 'run')}, ${against}`;
    }),
  ];
}
