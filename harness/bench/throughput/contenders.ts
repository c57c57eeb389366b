import { choiceWords, type RunChoices } from './choices.js';

/**
 * What is compared, by the letter of `--only`. All but the last crash the same kernel with sysrq; `hang` is a kernel and
 * a scenario of its own.
 */
export const CONTENDERS = {
  a: { name: 'loop', what: 'shell loop', jobs: 1 },
  b: { name: 'fresh', what: 'fresh runs', jobs: 1 },
  c: { name: 'clones', what: 'clones, one job', jobs: 1 },
  d: { name: 'clones2', what: 'clones, two jobs', jobs: 2 },
  e: { name: 'hang', what: 'a proved hang', jobs: 1 },
} as const;
export type Letter = keyof typeof CONTENDERS;
export const LETTERS = ['a', 'b', 'c', 'd', 'e'] as const satisfies readonly Letter[];

/** The words of `crashpath run` with which guests are cloned, or booted. */
export const CLONING: Readonly<Record<'on' | 'off', readonly string[]>> = { on: [], off: ['--no-clone'] };

/** Whether a text is the letter of a contender. */
export function isLetter(text: string): text is Letter {
  return Object.hasOwn(CONTENDERS, text);
}

/** A contender's turn in a round, counted from 1. */
export interface Turn {
  readonly round: number;
  readonly letter: Letter;
}

/**
 * All turns, round by round. Each round begins with another contender, so that none always follows the same one. Pure.
 */
export function turnsOf(letters: readonly Letter[], rounds: number): Turn[] {
  return Array.from({ length: rounds }, (_, at) => {
    const first = at % Math.max(1, letters.length);
    return [...letters.slice(first), ...letters.slice(0, first)].map((letter) => ({ round: at + 1, letter }));
  }).flat();
}

/** What the runs of all contenders share. */
export interface RunWords {
  readonly kernel: string;
  /** Of the hang. */
  readonly hangKernel: string;
  /** Proved before: no contender's turn includes the proof. */
  readonly accel: string;
  /** Clones of a turn of `c` and `d`. */
  readonly clones: number;
  readonly timeoutScale: number;
  readonly out: string;
  /** Of fresh runs and clones. */
  readonly choices: RunChoices;
}

function isCloned(letter: Letter): boolean {
  return letter === 'c' || letter === 'd';
}

/** Runs, or cycles, of a turn. The first one of clones boots, whatever is asked for. Pure. */
export function runsOf({ letter }: Pick<Turn, 'letter'>, { clones }: Pick<RunWords, 'clones'>): number {
  return isCloned(letter) ? clones + 1 : 1;
}

/** The words of `crashpath` for a turn of any contender but `a`. The campaign is named after the turn. Pure. */
export function crashpathWords(
  { letter, round }: { readonly letter: Exclude<Letter, 'a'>; readonly round: number },
  { kernel, hangKernel, accel, clones, timeoutScale, out, choices }: RunWords,
): string[] {
  const repeat = runsOf({ letter }, { clones });
  return [
    ...['run', letter === 'e' ? 'ioapic-lock-held' : 'sysrq-task'],
    ...['--kernel', letter === 'e' ? hangKernel : kernel],
    ...['--repeat', `${repeat}`, '--jobs', `${CONTENDERS[letter].jobs}`],
    ...(isCloned(letter) ? CLONING.on : CLONING.off),
    ...['--accel', accel, '--timeout-scale', `${timeoutScale}`],
    ...(letter === 'e' ? [] : choiceWords(choices)),
    ...['--out', out, '--name', turnName({ letter, round }), '--json'],
  ];
}

/** The name of a turn, which is its campaign's directory. Pure. */
export function turnName({ letter, round }: Turn): string {
  return `${CONTENDERS[letter].name}-${round}`;
}

/** The environment of the shell loop for a machine as crashpath starts it: from QEMU's arguments in a plan. Pure. */
export function loopEnvironment(
  { binary, args }: { readonly binary: string; readonly args: readonly string[] },
  { append, captureAppend }: { readonly append: string; readonly captureAppend: string },
): Record<string, string> {
  const valueOf = (option: string) => {
    const value = args.includes(option) ? args[args.indexOf(option) + 1] : undefined;
    if (value === undefined) throw new Error(`QEMU's arguments have no ${option}`);
    return value;
  };
  return {
    QEMU: binary,
    MACHINE: valueOf('-machine'),
    ACCEL: valueOf('-accel'),
    CPU: valueOf('-cpu'),
    SMP: valueOf('-smp'),
    MEMORY: valueOf('-m'),
    APPEND: append,
    CAPTURE_APPEND: captureAppend,
  };
}
