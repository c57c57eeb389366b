import { escapeGuestText } from '../model/escape.js';
import type { Attempt } from '../proposal/judge-try.js';
import type { NoRelation, Relation } from '../proposal/relation.js';
import { palette, type TextOptions } from './paint.js';
import { type Column, textTable } from './text-table.js';
import { seconds, verdictName } from './words.js';

/** What was tried on a kernel, as a report shows it. */
export interface TriedKernel {
  readonly kernel: string;
  readonly attempts: readonly (Attempt & { readonly variation: string })[];
  readonly ended: string;
}

/** Longest sentence in a table. */
const REASON_LIMIT = 400;

/** Lines about stacks that show no relation: one for what is missing, then what they show. Pure. */
export function noRelationText({ missing, shown }: NoRelation): string {
  const [first = 'nothing', ...others] = missing;
  return [
    `no proposal: ${first}`,
    ...others.map((one) => `  ${one}`),
    ...(shown.length === 0 ? [] : ['the stacks:', ...shown.map((one) => `  ${one}`)]),
  ]
    .map((line) => escapeGuestText(line, 1000))
    .join('\n');
}

const COLUMNS: readonly Column[] = [
  { title: 'TRY', align: 'right', width: 3 },
  { title: 'VARIATION', align: 'left', width: 34 },
  { title: 'VERDICT', align: 'left', width: 18 },
  { title: 'TIME', align: 'right', width: 7 },
  { title: 'REASON', align: 'left', width: 50 },
];

/** The tries on all kernels, a table each, and how the hang compares with the given stacks. No newline at the end. Pure. */
export function triesText(kernels: readonly TriedKernel[], options: TextOptions): string {
  const colors = palette(options);
  return kernels
    .flatMap(({ kernel, attempts, ended }) => [
      `${kernelText(kernel, attempts)}: ${endText(attempts, ended)}`,
      ...textTable(
        COLUMNS,
        attempts.map(({ variation, result, reason }, index) => [
          [{ text: String(index + 1) }],
          [{ text: variation }],
          [{ text: verdictName(result) }],
          [{ text: seconds(result.durationMs) }],
          [{ text: escapeGuestText(reason, REASON_LIMIT) }],
        ]),
        colors.bold,
      ),
      ...attempts.flatMap(({ comparison, result }) =>
        comparison === undefined
          ? []
          : [
              `${result.runId}, against the given stacks:`,
              ...comparison.saw.map((one) => `  ${escapeGuestText(one, 1000)}`),
            ],
      ),
      '',
    ])
    .slice(0, -1)
    .join('\n');
}

const ENDS: Readonly<Record<string, string>> = {
  reproduced: 'hung where the stacks say',
  tries: 'not reproduced, all tries are used',
  time: 'not reproduced, the time is over',
  variations: 'not reproduced, nothing that the stacks leave open is untried',
  harness: 'the harness failed repeatedly',
  stopped: 'stopped',
};

/** A path says little: the release is added. */
function kernelText(spec: string, attempts: readonly Attempt[]): string {
  const release = attempts[0]?.result.kernel;
  return release === undefined || spec.includes(release) ? spec : `${spec} (${release})`;
}

function endText(attempts: readonly Attempt[], ended: string): string {
  const count = `${attempts.length} ${attempts.length === 1 ? 'try' : 'tries'}`;
  return `${ENDS[ended] ?? ended}, ${count}`;
}

/** What the stacks say, for programs. */
export function relationObject(relation: Relation) {
  const { kind, waiter, holder, lock, because, stoppedByPanic, panicked, certain, alsoPossible } = relation;
  return {
    kind,
    lock: lock ?? null,
    waiter: {
      name: waiter.stack.name,
      cpu: waiter.stack.cpu ?? null,
      takenIn: waiter.takenIn,
      chain: waiter.chain,
    },
    holder: {
      name: holder.stack.name,
      cpu: holder.stack.cpu ?? null,
      interruptedIn: holder.interruptedIn,
      sitsIn: holder.sitsIn ?? null,
      candidates: holder.candidates,
    },
    stoppedByPanic,
    panicked,
    certain,
    because,
    alsoPossible,
  };
}

/** The tries, for programs: names are stable. */
export function triesObject(kernels: readonly TriedKernel[]) {
  return kernels.map(({ kernel, attempts, ended }) => ({
    kernel,
    ended,
    tries: attempts.map(({ variation, result, outcome, reason, comparison }) => ({
      variation,
      runId: result.runId,
      directory: result.directory,
      verdict: result.verdict,
      detail: result.detail,
      outcome: outcome.kind,
      reason,
      durationMs: result.durationMs,
      comparison: comparison ?? null,
    })),
  }));
}
