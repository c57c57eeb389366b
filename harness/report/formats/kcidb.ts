import { alternativesOf, matches } from '../../model/expectation.js';
import { harnessFault } from '../../model/fault.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { safeName, safeSentence } from '../words.js';
import { type KcidbReport, KcidbSchema, type KcidbTest, LOG_EXCERPT } from './kcidb-schema.js';
import type { Report, ReportedCell, ReportedRun } from './report-model.js';
import { consoleText } from './test-tree.js';

/**
 * A submission for KernelCI's database, version 5.3 of its schema: a checkout and a build for each kernel, a test for each
 * run that has a plan. `origin` is the name that KernelCI gave the submitting system. Throws a harness fault for a report
 * that the schema would refuse. Pure.
 */
export function kcidbJson(report: Report, origin: string): string {
  const runs = report.cells.flatMap((cell) => cell.runs.map((run) => ({ cell, run })));
  const planned = runs.flatMap(({ cell, run }) =>
    run.plan === undefined ? [] : [{ cell, run, plan: run.plan }],
  );
  const kernels = new Map(planned.map(({ plan }) => [plan.kernel.sha256, plan.kernel]));
  const submission: KcidbReport = {
    version: { major: 5, minor: 3 },
    checkouts: [...kernels.values()].map(({ sha256, release }) => ({
      id: kernelId(origin, sha256),
      origin,
      ...commitOf(report, sha256),
      comment: safeSentence(release),
      misc: { kernel_sha256: sha256 },
    })),
    builds: [...kernels.values()].map(({ sha256, release, bits }) => ({
      id: kernelId(origin, sha256),
      checkout_id: kernelId(origin, sha256),
      origin,
      architecture: bits === 32 ? 'i386' : 'x86_64',
      comment: safeSentence(release),
      misc: { kernel_sha256: sha256 },
    })),
    tests: planned.map((one) => testOf(report, one, origin)),
  };
  const parsed = KcidbSchema.safeParse(submission);
  if (parsed.success) return `${JSON.stringify(parsed.data, null, 1)}\n`;
  const [issue] = parsed.error.issues;
  throw harnessFault(
    `cannot make the KCIDB report of "${report.title}": ${issue?.path.join('.')} ${issue?.message}; report this as a bug of crashpath`,
    parsed.error,
  );
}

/** The bytes identify a kernel: two builds of one source may have one release. */
function kernelId(origin: string, sha256: string): string {
  return `${origin}:crashpath-kernel-${sha256}`;
}

/** The commit that a night's kernel was built from, when it is a whole one. */
function commitOf({ night }: Report, sha256: string): { git_commit_hash?: string } {
  const commit = night?.raw.kernels.find((kernel) => kernel.sha256 === sha256)?.commit;
  return commit !== undefined && /^[0-9a-f]{40}$/.test(commit) ? { git_commit_hash: commit } : {};
}

function testOf(
  report: Report,
  { cell, run, plan }: { cell: ReportedCell; run: ReportedRun; plan: RunPlan },
  origin: string,
): KcidbTest {
  const { result, headline, console, facts, seconds } = run;
  const log = logExcerpt(console.map(consoleText));
  return {
    id: `${origin}:crashpath-run-${safeName(plan.nonce)}`,
    build_id: kernelId(origin, plan.kernel.sha256),
    origin,
    path: `crashpath.${cell.scenario.replace(/[^a-zA-Z0-9_-]/g, '_') || 'unnamed'}`,
    comment: headline,
    status: statusOf(report, { run, plan }),
    duration: seconds,
    ...(log === '' ? {} : { log_excerpt: log }),
    environment: {
      comment: safeSentence(`QEMU ${plan.qemu.version}, ${plan.machine.type}, ${plan.accel.accel}`),
      misc: {
        cpus: plan.machine.cpus,
        memory_mib: plan.machine.memoryMiB,
        cpu_model: safeSentence(plan.machine.cpuModel),
      },
    },
    misc: {
      crashpath: {
        campaign: report.title,
        facts: Object.fromEntries(facts),
        ...(run.reproduce === undefined ? {} : { reproduce: run.reproduce }),
        ...(result === undefined ? {} : { outcome: result.outcome }),
        ...(cell.word === undefined ? {} : { night: cell.word, night_blind: report.night?.blind === true }),
      },
    },
  };
}

/**
 * A kernel has passed when its verdict is what the scenario expects of a healthy one, whatever a campaign file or a night
 * expected of it: a known bug is a failure of the kernel. A void is an error of the test, an explained one not
 * applicable, and without a verdict, or in a blind night, the test is missing.
 */
function statusOf(
  { night }: Report,
  { run: { result }, plan }: { run: ReportedRun; plan: RunPlan },
): KcidbTest['status'] {
  if (result === undefined || result.outcome === 'harness-error' || night?.blind === true) return 'MISS';
  if (result.voidOk !== undefined) return 'SKIP';
  const { scenario } = plan;
  if (alternativesOf(scenario.expect).some((one) => matches(result, one))) return 'PASS';
  return result.outcome === 'inconclusive' ? 'ERROR' : 'FAIL';
}

/** The last lines that fit. */
function logExcerpt(lines: readonly string[]): string {
  let size = 0;
  const kept = lines.toReversed().filter((line) => {
    size += line.length + 1;
    return size <= LOG_EXCERPT;
  });
  return kept.toReversed().join('\n');
}
