import type { Target } from './target.js';

/** A stimulus, in messages. */
export const STIMULUS = 'the stimulus';

/**
 * Shell scripts of a scenario's trigger: stimuli, which keep the guest busy in the background until it dies, and scripts
 * in which it is to die. Their text is not pasted into another script, where a comment, an open quote or a parenthesis
 * would change the following text: it is sent as base64 and run by a shell of its own.
 */

/** A mistake that is found without a shell: a script without a command, or with an incomplete last line. Pure. */
export function mistakeInScript(script: string): string | undefined {
  const lines = script.split('\n').map((line) => line.trim());
  if (lines.every((line) => line === '' || line.startsWith('#'))) return 'has no command';
  const [backslashes = ''] = /\\*$/.exec(script.replace(/\n+$/, '')) ?? [];
  return backslashes.length % 2 === 1 ? 'ends in a backslash, and no line follows it' : undefined;
}

/**
 * Shell text that parses a script without running it. When that fails, the shell prints why and the status is not 0.
 */
export function parseScript(script: string): string {
  return `sh -n -c ${decoded(script)}`;
}

/** Shell text that starts a script in the background; nothing may follow it on its line. */
export function backgroundScript(script: string): string {
  return `sh -c ${decoded(script)} >/dev/null 2>&1 &`;
}

function decoded(script: string): string {
  return `"$(echo ${Buffer.from(script, 'utf8').toString('base64')} | base64 -d)"`;
}

/** A guest that runs scripts. */
type Shell = Pick<Target, 'runScript' | 'require'>;

/** Has the guest's shell parse a script, named by `what`; a syntax error ends the run (void), with the shell's message. */
export async function requireParsed(script: string, what: string, target: Shell): Promise<void> {
  const mistake = mistakeInScript(script);
  const { status, output } =
    mistake === undefined
      ? await target.runScript(parseScript(script), `parsing ${what}`)
      : { status: 1, output: `it ${mistake}` };
  if (status === 0) return;
  target.require({
    what: `the guest's shell can parse ${what}`,
    proved: false,
    saw: output.trim().replace(/\s+/g, ' ').slice(0, 160) || `status ${status}`,
  });
}

/** Shell text that runs a script in a shell of its own, on one CPU or wherever that is, and ends with its status. */
export function shellRunning(script: string, { cpu }: { cpu: number | undefined }): string {
  return `${cpu === undefined ? '' : `${taskset(cpu)} `}sh -c ${decoded(script)}`;
}

/** The words before a command that run it on one CPU. */
export function taskset(cpu: number): string {
  return `taskset ${(1n << BigInt(cpu)).toString(16)}`;
}

/** Starts a stimulus in the guest. One that does not start ends the run (void), with the shell's own message. */
export async function startStimulus(script: string, target: Shell): Promise<void> {
  await requireParsed(script, STIMULUS, target);
  const { status, output } = await target.runScript(backgroundScript(script), 'starting the stimulus');
  if (status === 0) return;
  target.require({
    what: 'the stimulus starts',
    proved: false,
    saw: output.trim().replace(/\s+/g, ' ').slice(0, 160) || `status ${status}`,
  });
}
