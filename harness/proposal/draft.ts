import { Document, isMap, isSeq, type Node } from 'yaml';
import type { CpuStack } from '../stacks/cpu-stack.js';
import { type Choices, placeText, stepsOf } from './choices.js';
import { isSameFunction, namesOf } from './lock-table.js';
import type { Relation } from './relation.js';

/** Longest comment line. */
const WIDTH = 110;

export interface DraftOptions {
  /** What the stacks were read from, for a reader: a file's name. */
  readonly origin: string;
  /** Words about how the file came about, such as the kernel on which it hung. */
  readonly notes?: readonly string[];
}

/** The name of a proposed scenario. */
export function draftName({ lock, holder, kind }: Relation): string {
  const what = (lock ?? holder.candidates[0] ?? 'lock').toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const how = kind === 'own-cpu' ? 'own-cpu' : 'held';
  return `proposed-${what.replace(/^-+|-+$/g, '').slice(0, 40)}-${how}`;
}

/**
 * The choices as a scenario file: YAML with comments that say what was read where, and what the stacks do not tell. Its only
 * foreign words are names of functions and of a variable, and the origin's. Pure.
 */
export function draftText(
  relation: Relation,
  choices: Choices,
  { origin, notes = [] }: DraftOptions,
): string {
  const { waiter, holder, kind, lock } = relation;
  const groups = stepsOf(choices, kind);
  const two = kind === 'own-cpu' ? [waiter.stack] : [waiter.stack, holder.stack];
  const inside = lock ?? 'a lock';
  const document = new Document(
    {
      version: 1,
      name: draftName(relation),
      summary: summaryOf(relation, choices, inside),
      evidence: [`stacks of ${two.map(whereOf).join(' and ')} in ${printable(origin)}`],
      guest: { cpus: 2, ...(choices.append === undefined ? {} : { append: choices.append }) },
      ...(choices.stimulus.prepare === undefined ? {} : { prepare: [{ script: choices.stimulus.prepare }] }),
      trigger: { kind: 'choreography', steps: groups.flatMap(({ steps }) => steps) },
      expect: { verdict: 'captured' },
    },
    { aliasDuplicateObjects: false },
  );
  document.commentBefore = comments([
    'Draft by crashpath propose. What the stacks show:',
    ...relation.because.map((one) => `- ${one}`),
    ...(relation.alsoPossible.length === 0
      ? []
      : [`- other CPUs that were stopped in the kernel: ${relation.alsoPossible.slice(0, 6).join('; ')}`]),
    'What they do not tell:',
    ...unknowns(relation, choices).map((one) => `- ${one}`),
    ...notes,
  ]);
  const steps = document.getIn(['trigger', 'steps']);
  if (isSeq<Node>(steps)) {
    let index = 0;
    for (const { comment, steps: group } of groups) {
      const [first] = [steps.items[index]];
      if (group.length > 0 && first !== undefined) first.commentBefore = comments([comment]);
      index += group.length;
    }
    for (const step of steps.items) flowInside(step);
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function summaryOf({ kind }: Relation, choices: Choices, lock: string): string {
  const [place = 'the kernel'] = choices.holdIn;
  const text =
    kind === 'own-cpu'
      ? `the panicking CPU itself holds ${lock} in ${place}`
      : `another CPU is stopped by the NMI while it holds ${lock} in ${place}`;
  return text.slice(0, 160);
}

/** What a stack leaves open, and which choice was made. */
function unknowns(relation: Relation, choices: Choices): string[] {
  const { waiter, holder, lock, kind, panicked } = relation;
  const renamed = choices.holdIn.filter((name) => namesOf(name).length > 1);
  const others = holder.candidates.filter((name) => !choices.holdIn.some((own) => isSameFunction(own, name)));
  const context =
    panicked === 'task'
      ? 'task context'
      : panicked === 'nmi'
        ? 'an NMI'
        : panicked === 'interrupt'
          ? 'an interrupt'
          : 'an exception';
  return [
    `the call site: the first lock call in the function is taken (${placeText(choices)})${others.length === 0 ? '' : `; others that may hold it: ${others.slice(0, 5).join(', ')}`}`,
    lock === undefined
      ? 'the lock: neither the stacks nor the table of locks name its variable, so that its word is not proved'
      : `whether ${lock} has a symbol of its own in the kernel at hand`,
    kind === 'own-cpu'
      ? `how it came to panic there (${context}); here it is directed into panic()`
      : `which vCPU is which: ${waiter.stack.name} and ${holder.stack.name} are any two of them; and how ${waiter.stack.name} came to panic (${context}, as far as its stack shows; here ${contextText(choices)})`,
    'the kernel: its version and configuration, and with it names and inlining',
    ...(renamed.length === 0
      ? []
      : [`names that changed: ${renamed.join(' and ')} are one function in different kernels`]),
    ...(choices.stimulus.reaches.length === 0
      ? [
          `what makes a CPU come by at ${holder.interruptedIn}: no row of the table reaches it, so a general load is tried`,
        ]
      : []),
  ];
}

function contextText({ context }: Choices): string {
  return context === 'interrupt'
    ? 'in its timer interrupt'
    : context === 'task'
      ? 'where it schedules'
      : 'in an NMI';
}

function whereOf({ name, line }: CpuStack): string {
  return line === 0 ? name : `${name} (line ${line})`;
}

/** Foreign text in a file: printable, and no longer than a name. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}

/** Comment lines, wrapped; the library puts `#` before each. */
function comments(lines: readonly string[]): string {
  return lines
    .flatMap((line) => wrapped(printableLine(line)))
    .map((line) => ` ${line}`)
    .join('\n');
}

function printableLine(line: string): string {
  return line.replace(/[^\x20-\x7e]/g, '?').slice(0, 1000);
}

function wrapped(line: string): string[] {
  const indent = line.startsWith('- ') ? '  ' : '';
  const lines: string[] = [];
  let current = '';
  for (const word of line.split(' ')) {
    if (current !== '' && current.length + word.length + 1 > WIDTH) {
      lines.push(current);
      current = `${indent}${word}`;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  return [...lines, current];
}

/** A step on one line, as they are written by hand. */
function flowInside(step: Node): void {
  if (!isMap(step)) return;
  for (const { value } of step.items) {
    if (isMap(value)) value.flow = true;
  }
}
