import { execa } from 'execa';
import { foldLine } from '../model/escape.js';
import type { NightFile } from '../night/night-file.js';
import { nightMail, nightSubject } from '../night/summary.js';
import type { NightOutcome } from './run-night.js';

/** Longest life of a hook. */
const HOOK_DEADLINE_MS = 5 * 60_000;
const KILL_AFTER_MS = 5_000;
/** Of what a hook says on stderr, so much is kept. */
const MOST_SAID = 2_000;

/** What the hooks of a night are told. */
export interface HookOptions {
  readonly name: string;
  /** The night's directory. */
  readonly directory: string;
  readonly now: Date;
}

/**
 * Runs the hooks of a night, without a shell: `mail` gets a mail as its input, `command` the summary as Markdown; both
 * the night in the environment. Returns a line for each that failed.
 */
export async function runHooks(
  hooks: NightFile['hooks'],
  { verdicts, markdown, exitCode }: Pick<NightOutcome, 'verdicts' | 'markdown' | 'exitCode'>,
  { name, directory, now }: HookOptions,
): Promise<string[]> {
  const env = {
    CRASHPATH_NIGHT: verdicts.night,
    CRASHPATH_NIGHT_NAME: name,
    CRASHPATH_NIGHT_DIRECTORY: directory,
    CRASHPATH_NIGHT_EXIT: String(exitCode),
    CRASHPATH_NIGHT_SUBJECT: nightSubject(verdicts, name),
  };
  const failures: string[] = [];
  const run = async (kind: keyof NightFile['hooks'], input: string) => {
    const [program, ...args] = hooks[kind] ?? [];
    if (program === undefined) return;
    const hook = execa(program, args, {
      ...{ input, env, reject: false, stdout: 'ignore', timeout: HOOK_DEADLINE_MS },
      forceKillAfterDelay: KILL_AFTER_MS,
      // A hook may say more than a string can hold.
      buffer: false,
    });
    let said = '';
    hook.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(0, MOST_SAID);
    });
    const ended = await hook;
    if (ended.exitCode === 0) return;
    const why = ended.timedOut
      ? `it did not end within ${HOOK_DEADLINE_MS / 1000} s`
      : foldLine(said || (ended.originalMessage ?? `it ended with status ${ended.exitCode ?? 'unknown'}`));
    failures.push(
      `cannot run the hook "${kind}" (${foldLine(program)}): ${why}; the night is in ${directory}`,
    );
  };
  const to = (hooks.mail ?? []).slice(1).filter((word) => /^[^\s@-][^\s@]*@[^\s@]+$/.test(word));
  await run('mail', nightMail(verdicts, { name, to, date: now }));
  await run('command', markdown);
  return failures;
}
