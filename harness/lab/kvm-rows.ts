import { foldLine } from '../model/escape.js';
import type { RunResult } from '../model/result.js';

/** One line of the KVM table. */
export interface KvmRow {
  readonly text: string;
  /** The expected verdict (or a void that the campaign file explains), and under KVM. */
  readonly ok: boolean;
}

/** Headings, in the widths of {@link kvmRow}. */
export const KVM_HEADINGS = lineOf(['', 'scenario', 'kernel', 'accel', 's', 'verdict']);

/** A run as a row: what counts is the verdict, and that it was reached under KVM. Pure. */
export function kvmRow(result: RunResult): KvmRow {
  const isRight = result.outcome === 'expected' || result.voidOk !== undefined;
  const ok = isRight && result.accel === 'kvm';
  const { verdict, quality, detail, degradedBy } = result;
  const words = [quality === undefined ? `${verdict}/${detail}` : `${verdict} ${quality}`, ...degradedBy];
  if (!isRight) words.push(`expected: ${result.expected}`, result.explanation);
  const kernel = result.cell?.kernel ?? result.kernel;
  const seconds = String(Math.round(result.durationMs / 1000));
  const verdictText = foldLine(words.join(', '), 200);
  return {
    ok,
    text: lineOf([ok ? 'ok' : 'WRONG', result.scenario, kernel, result.accel, seconds, verdictText]),
  };
}

function lineOf([
  mark = '',
  scenario = '',
  kernel = '',
  accel = '',
  seconds = '',
  verdict = '',
]: readonly string[]): string {
  return `${mark.padEnd(6)}${scenario.padEnd(20)} ${kernel.padEnd(8)} ${accel.padEnd(6)} ${seconds.padStart(5)}  ${verdict}`;
}
