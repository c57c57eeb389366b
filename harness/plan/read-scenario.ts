import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { usageFault } from '../model/fault.js';
import { contradictionIn } from './check-choreography.js';
import { contradictionInSources } from './check-sources.js';
import { GUEST_DEFAULTS } from './make-plan.js';
import { type Scenario, ScenarioSchema } from '../model/scenario.js';

/** A scenario file is small; anything larger is a mistake. */
export const MAX_FILE_CHARACTERS = 64 * 1024;
/** Aliases of aliases grow without bound; a scenario hardly needs one. */
const MAX_ALIASES = 16;

/**
 * Parses a scenario file's text. Throws a usage fault that names file, line and column, for bad YAML, a wrong type,
 * an unknown key, or a combination that contradicts itself.
 */
export function readScenario(text: string, file: string): Scenario {
  if (text.length > MAX_FILE_CHARACTERS) {
    throw usageFault(
      `cannot read scenario "${file}": it has ${text.length} characters; keep it under ${MAX_FILE_CHARACTERS}`,
    );
  }
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true });
  const place = (offset: number) => {
    const { line, col } = counter.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const [error] = document.errors;
  if (error !== undefined) {
    const why = error.message.replace(/\s+/g, ' ');
    throw usageFault(`cannot read scenario "${place(error.pos[0])}": ${why}; correct the YAML there`, error);
  }
  const parsed = ScenarioSchema.safeParse(valueOf(document, file));
  if (!parsed.success) {
    const issue = deepest(parsed.error.issues);
    const where = place(offsetOf(document, issue));
    const key = issue.path.join('.') || 'the file';
    throw usageFault(
      `cannot read scenario "${where}": ${key}: ${issue.message}; see scenarios/README.md for the form`,
      parsed.error,
    );
  }
  contradictions(parsed.data, file);
  return parsed.data;
}

function valueOf(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    throw usageFault(
      `cannot read scenario "${file}": its aliases unfold too far or name nothing; write the values out`,
      error,
    );
  }
}

/** A union reports one issue that holds those of each branch; the branch that got furthest is the one meant. */
function deepest(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue {
  const [issue] = issues;
  if (issue === undefined) throw new Error('a failed parse has no issue');
  if (issue.code !== 'invalid_union') return issue;
  const inner = issue.errors
    .filter((branch) => branch.length > 0)
    .map(deepest)
    .sort((a, b) => b.path.length - a.path.length)[0];
  return inner === undefined ? issue : { ...inner, path: [...issue.path, ...inner.path] };
}

function offsetOf(document: ReturnType<typeof parseDocument>, issue: z.core.$ZodIssue): number {
  const path = [...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const parent: unknown = document.getIn(path, true);
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => isScalar(key) && key.value === issue.keys[0])
      : undefined;
    if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0];
  }
  for (let depth = path.length; depth >= 0; depth--) {
    const node: unknown = document.getIn(path.slice(0, depth), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
      const start: unknown = node.range[0];
      if (typeof start === 'number') return start;
    }
  }
  return 0;
}

function contradictions(scenario: Scenario, file: string): void {
  const { trigger } = scenario;
  const cpus = scenario.guest.cpus ?? GUEST_DEFAULTS.cpus;
  const atOdds = contradictionInSources(scenario, cpus);
  if (atOdds !== undefined) {
    throw usageFault(`cannot read scenario "${file}": ${atOdds}; see scenarios/README.md for the form`);
  }
  if (trigger.kind === 'choreography') {
    const contradiction = contradictionIn(trigger.steps, cpus);
    if (contradiction !== undefined) {
      throw usageFault(
        `cannot read scenario "${file}": its steps contradict themselves: ${contradiction}; see docs/choreography.md`,
      );
    }
  }
  if (scenario.crashKernel === 'absent' && scenario.expect.verdict === 'captured') {
    throw usageFault(
      `cannot read scenario "${file}": it expects "captured" with crashKernel: absent; load a crash kernel or expect no-crash-kernel`,
    );
  }
  if (scenario.expect.quality !== undefined && scenario.expect.verdict !== 'captured') {
    throw usageFault(
      `cannot read scenario "${file}": expect.quality belongs to the verdict "captured" only; remove it`,
    );
  }
}
