import type { RunResult } from '../model/result.js';

/** What a campaign keeps of a run that has ended, for its counts, its tables and its page. */
export type KeepResult = (result: RunResult) => RunResult;

/** Texts of results that differ in nothing but their run; each is kept once. */
const SHARED_CHARACTERS = 400;
const SHARED_TEXTS = 10_000;

/**
 * Makes the function that a campaign keeps results with: without phases and evidence, which `verdict.json` has, and
 * without what their texts hold on to. A part of a text keeps the whole of it in memory (V8's sliced strings), here the
 * console of a run; a copy does not. Ten thousand results take a few megabytes.
 */
export function resultKeeper(): KeepResult {
  const texts = new Map<string, string>();
  const shared = (_key: string, value: unknown): unknown => {
    if (typeof value !== 'string' || value.length > SHARED_CHARACTERS) return value;
    const known = texts.get(value);
    if (known !== undefined) return known;
    // What is different in each run is not worth the entry.
    if (texts.size < SHARED_TEXTS) texts.set(value, value);
    return value;
  };
  return (result) => {
    const { runId, directory, ...rest } = result;
    // A copy of a result is one: only two lists are empty.
    const kept: typeof rest = JSON.parse(JSON.stringify({ ...rest, phases: [], evidence: [] }), shared);
    return { ...kept, runId, directory };
  };
}
