import { z } from 'zod';
import { guestPath } from './names.js';
import { asking, type Judged, type OpenQuestion, type Rule, ruled } from './proof.js';
import type { GuestWitness, ScriptReply } from './witness.js';

/** A JavaScript regular expression; `^` and `$` are those of a line. */
const pattern = z.string().min(1).max(256).refine(isPattern, 'must be a regular expression');

/** Conditions on a text of the guest; each that is present must hold. */
const condition = {
  /** The whole text, without white space around it. */
  equals: z.string().max(1024).optional(),
  /** Found somewhere in it. */
  matches: pattern.optional(),
  /** Found nowhere in it. */
  lacks: pattern.optional(),
  /** What a failed condition means: part of the reason for `void`. */
  otherwise: z.string().min(1).max(160).optional(),
};

const asks = ({ equals, matches, lacks }: Condition) => (equals ?? matches ?? lacks) !== undefined;
const ASKS = 'must say one of equals, matches, lacks';

const READ = { path: guestPath, ...condition };
const OUTPUT = { of: z.string().min(1).max(4096), ...condition };
/** Read when the guest has survived the watch, instead of right before firing. */
const TIME = { afterWatch: z.literal(true).optional() };

const ReadSchema = z.strictObject({ read: z.strictObject(READ).refine(asks, ASKS) });
const OutputSchema = z.strictObject({ output: z.strictObject(OUTPUT).refine(asks, ASKS) });
const TimedReadSchema = z.strictObject({ read: z.strictObject({ ...READ, ...TIME }).refine(asks, ASKS) });
const TimedOutputSchema = z.strictObject({
  output: z.strictObject({ ...OUTPUT, ...TIME }).refine(asks, ASKS),
});

type GuestFact = z.infer<typeof ReadSchema> | z.infer<typeof OutputSchema>;
type TimedFact = z.infer<typeof TimedReadSchema> | z.infer<typeof TimedOutputSchema>;

export interface Condition {
  readonly equals?: string | undefined;
  readonly matches?: string | undefined;
  readonly lacks?: string | undefined;
}

/** Longest excerpt of what was seen, characters. */
const SEEN_CHARACTERS = 200;

const rule: Rule<GuestFact, ScriptReply, GuestWitness> = {
  what: factWords,
  ask: (fact, witness) => witness.script(scriptOf(fact), factWords(fact)),
  judge(fact, { status, output }) {
    const asked = 'read' in fact ? fact.read : fact.output;
    const { holds, saw } = checkCondition(asked, output);
    const proved = status === 0 && holds;
    const seen = status === 0 ? saw : `exit status ${status}: ${saw}`;
    const meaning = proved || asked.otherwise === undefined ? '' : `: ${asked.otherwise}`;
    return { proved, saw: `${seen}${meaning}` };
  },
};

/** `read: { path: /proc/cmdline, matches: nosmp }`: what a file of the running guest holds. */
export const read = {
  name: 'read',
  machine: ruled(ReadSchema, rule),
  beforeFiring: asking(TimedReadSchema, timed, timedWords),
};

/** `output: { of: dmesg, lacks: apic }`: what a shell script (busybox sh, exit status 0) prints in the guest. */
export const output = {
  name: 'output',
  machine: ruled(OutputSchema, rule),
  beforeFiring: asking(TimedOutputSchema, timed, timedWords),
};

function scriptOf(fact: GuestFact): string {
  return 'read' in fact ? `cat ${fact.read.path}` : fact.output.of;
}

/** Asked at once, or when the guest has survived the watch. */
async function timed(fact: TimedFact, witness: GuestWitness): Promise<Judged | OpenQuestion> {
  const what = timedWords(fact);
  const judge = (reply: ScriptReply) => ({ what, ...rule.judge(fact, reply) });
  if (!isLate(fact)) return judge(await rule.ask(fact, witness));
  return {
    async lookAgain() {
      const reply = await witness.tryScript(scriptOf(fact));
      return reply === undefined ? { what, proved: false, saw: 'no answer' } : judge(reply);
    },
  };
}

function isLate(fact: TimedFact): boolean {
  return ('read' in fact ? fact.read : fact.output).afterWatch === true;
}

function timedWords(fact: TimedFact): string {
  return `${factWords(fact)}${isLate(fact) ? ' after the watch' : ''}`;
}

/** The statement in words, one line. */
function factWords(fact: GuestFact): string {
  const [subject, asked] =
    'read' in fact
      ? [fact.read.path, fact.read]
      : [`output of "${fact.output.of.trim().replace(/\s+/g, ' ').slice(0, 80)}"`, fact.output];
  const parts = [
    ...(asked.equals === undefined ? [] : [`= ${asked.equals}`]),
    ...(asked.matches === undefined ? [] : [`matches /${asked.matches}/`]),
    ...(asked.lacks === undefined ? [] : [`lacks /${asked.lacks}/`]),
  ];
  return `${subject} ${parts.join(' and ')}`;
}

/**
 * Checks a text of the guest against a condition. `saw` is the deciding part: the line that matched, or that should not
 * have, else the beginning of the text.
 */
export function checkCondition(
  { equals, matches, lacks }: Condition,
  text: string,
): { readonly holds: boolean; readonly saw: string } {
  const trimmed = text.trim();
  const unwanted = lacks === undefined ? undefined : lineOf(trimmed, lacks);
  const wanted = matches === undefined ? undefined : lineOf(trimmed, matches);
  const holds =
    (equals === undefined || trimmed === equals) &&
    (matches === undefined || wanted !== undefined) &&
    unwanted === undefined;
  return { holds, saw: (unwanted ?? wanted ?? trimmed).slice(0, SEEN_CHARACTERS) };
}

/** The line with the first match, cut to start at most half an excerpt before it; undefined without a match. */
function lineOf(text: string, pattern: string): string | undefined {
  const match = new RegExp(pattern, 'm').exec(text);
  if (match === null) return undefined;
  const lineStart = text.lastIndexOf('\n', match.index - 1) + 1;
  const start = Math.max(lineStart, match.index - SEEN_CHARACTERS / 2);
  const end = text.indexOf('\n', match.index + match[0].length);
  return text.slice(start, end < 0 ? text.length : end).trim();
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'm') instanceof RegExp;
  } catch {
    return false;
  }
}
