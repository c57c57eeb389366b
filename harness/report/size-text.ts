import {
  judgedOf,
  largestSize,
  recommendedSize,
  type SizeRange,
  type SizeRuns,
} from '../bisection/smallest-size.js';
import { STORE_SCHEMA } from '../model/record.js';
import type { RunPlan } from '../plan/run-plan.js';
import { textTable } from './text-table.js';
import { accelName, countInOrder, countOf, safeName } from './words.js';

/** A search of the smallest crash kernel that has ended. */
export interface SizeReport {
  readonly template: Pick<RunPlan, 'kernel' | 'captureKernel' | 'accel' | 'machine' | 'captureAppend'>;
  readonly range: SizeRange;
  readonly tried: readonly SizeRuns[];
  readonly end:
    | { readonly kind: 'found'; readonly mib: number; readonly below: number | undefined }
    | { readonly kind: 'none' }
    | { readonly kind: 'undecided'; readonly mib: number };
}

const COLUMNS = [
  { title: 'CRASHKERNEL', align: 'right', width: 11 },
  { title: 'RUNS', align: 'right', width: 4 },
  { title: 'CAPTURED', align: 'right', width: 8 },
  { title: 'OTHERWISE', align: 'left', width: 70 },
] as const;

/** What a search found, for people. No newline at the end. Pure. */
export function sizeText(report: SizeReport): string {
  const { template, tried } = report;
  const rows = tried.map(({ mib, captured, failed, undecided }) => [
    [{ text: `${mib}M` }],
    [{ text: String(captured + failed.length + undecided.length) }],
    [{ text: String(captured) }],
    [{ text: countedWords([...failed, ...undecided]) }],
  ]);
  const { kernel, captureKernel, machine } = template;
  const by = captureKernel.sha256 === kernel.sha256 ? '' : `, captured by ${safeName(captureKernel.release)}`;
  const accel = accelName({ accel: template.accel.accel, accelUnproved: template.accel.unproved });
  return [
    `crashkernel= of ${safeName(kernel.spec)} (${safeName(kernel.release)}${by}), ${countOf(machine.cpus, 'vCPU')}, ${machine.memoryMiB} MiB, ${accel}`,
    `capture kernel: ${safeName(template.captureAppend)}`,
    '',
    ...textTable(COLUMNS, rows, (title) => title),
    '',
    ...conclusion(report),
  ].join('\n');
}

function conclusion({ tried, range, end }: SizeReport): string[] {
  if (end.kind === 'undecided')
    return [`cannot tell: the runs with ${end.mib}M show nothing about the size; crashpath show says why`];
  if (end.kind === 'none')
    return [
      `no size up to ${largestSize(range)}M is enough; give a larger --most, and a larger --memory when nothing was reserved`,
    ];
  const below = tried.find(({ mib }) => mib === end.below);
  const captured = tried.find(({ mib }) => mib === end.mib)?.captured ?? 0;
  return [
    `smallest: ${end.mib}M, captured ${captured} of ${captured}`,
    below === undefined
      ? `smaller sizes than ${range.least}M were not tried`
      : `below it: ${below.mib}M, captured ${below.captured} of ${judgedOf(below)}: ${countedWords(below.failed)}`,
    `recommended: ${recommendedSize(end.mib)}M, a quarter more in multiples of 16M. This margin is not measured: other drivers, a larger initramfs and more CPUs in the capture kernel (nr_cpus=) need more than this guest`,
  ];
}

/** `2 capture-panic/out-of-memory, 1 void/kexec-load-failed`. */
function countedWords(words: readonly string[]): string {
  return countInOrder(words, [...new Set(words)])
    .map(([word, count]) => `${count} ${safeName(word)}`)
    .join(', ');
}

/** The same as one object, for scripts. Sizes are MiB. Pure. */
export function sizeObject({ template, range, tried, end }: SizeReport, exitCode: number) {
  const found = end.kind === 'found' ? end : undefined;
  return {
    schema: STORE_SCHEMA,
    kind: 'crashkernel-size' as const,
    kernel: template.kernel.release,
    captureKernel: template.captureKernel.release,
    accel: template.accel.accel,
    machine: template.machine,
    captureAppend: template.captureAppend,
    range,
    sizes: tried,
    end: end.kind,
    smallestMiB: found?.mib ?? null,
    belowMiB: found?.below ?? null,
    recommendedMiB: found === undefined ? null : recommendedSize(found.mib),
    exitCode,
  };
}
