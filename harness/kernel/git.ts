import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { usageFault } from '../model/fault.js';
import { runTool, type ToolResult } from './tool.js';

const ASK_DEADLINE_MS = 5 * 60_000;

/**
 * Settings of every command: no hook and no program of the repository's configuration runs, files are written as they
 * are stored, and no message depends on the user. safe.directory: {@link openRepository} has asked with the user's own.
 */
const SETTINGS = [
  'safe.directory=*',
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.sparseCheckout=false',
  'core.autocrlf=false',
  'core.eol=lf',
  'core.attributesFile=/dev/null',
  'core.pager=cat',
  'color.ui=false',
  'gc.auto=0',
  'log.showSignature=false',
  'i18n.logOutputEncoding=UTF-8',
].flatMap((setting) => ['-c', setting]);

/** A git repository on this host. */
export interface Repository {
  /** As the caller named it. */
  readonly named: string;
  /** Its directory of objects and refs, which all its work trees share; no symbolic links in it. */
  readonly commonDir: string;
}

export interface GitOptions {
  readonly signal?: AbortSignal | undefined;
  readonly deadlineMs?: number | undefined;
  /** Beside the fixed ones: an index of its own, for example. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
}

/**
 * Finds the repository of a path. git decides with the user's configuration whether the user trusts its owner. A usage
 * Fault when there is none.
 */
export async function openRepository(path: string, options: GitOptions = {}): Promise<Repository> {
  const asked = await runTool(
    ['git', '-C', resolve(path), 'rev-parse', '--path-format=absolute', '--git-common-dir'],
    { deadlineMs: ASK_DEADLINE_MS, signal: options.signal, environment: environmentOf(process.env, {}) },
  );
  if (!asked.ok) {
    throw usageFault(
      `cannot read the git tree "${path}": ${asked.why}; give a directory in which git log works${asked.missing ? ', and install git' : ''}`,
    );
  }
  return { named: path, commonDir: await realpath(asked.stdout) };
}

/** The top of the work tree that holds a directory; the directory itself when it is in none. */
export async function topOfTree(path: string, options: GitOptions = {}): Promise<string> {
  const asked = await runTool(
    ['git', '-C', resolve(path), 'rev-parse', '--path-format=absolute', '--show-toplevel'],
    { deadlineMs: ASK_DEADLINE_MS, signal: options.signal, environment: environmentOf(process.env, {}) },
  );
  return asked.ok && asked.stdout !== '' ? asked.stdout : resolve(path);
}

/** Runs a git command in a repository, without the user's configuration, hooks and aliases. */
export async function git(
  { commonDir }: Repository,
  args: readonly string[],
  options: GitOptions = {},
): Promise<ToolResult> {
  return runTool(['git', `--git-dir=${commonDir}`, ...SETTINGS, ...args], {
    deadlineMs: options.deadlineMs ?? ASK_DEADLINE_MS,
    signal: options.signal,
    environment: environmentOf(process.env, {
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_PAGER: 'cat',
      ...options.environment,
    }),
  });
}

/**
 * The full name of the commit that a revision means. A usage Fault when it means none; `what` names the revision in the
 * message: `--good`.
 */
export async function commitOf(
  repository: Repository,
  revision: string,
  { what, ...options }: GitOptions & { readonly what: string },
): Promise<string> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`];
  const asked = await git(repository, args, options);
  if (asked.ok && isObjectName(asked.stdout)) return asked.stdout;
  throw usageFault(
    `cannot use ${what} "${revision}": the git tree "${repository.named}" has no such commit; give a tag, a branch or a hash that git rev-parse finds there`,
  );
}

/** A full object name, of SHA-1 or SHA-256. */
export function isObjectName(text: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text);
}

/** The caller's variables without git's own: `git bisect run` and hooks set some for their repository. */
function environmentOf(
  from: NodeJS.ProcessEnv,
  more: Readonly<Record<string, string>>,
): Record<string, string> {
  const kept = Object.entries(from).flatMap(([name, value]) =>
    value === undefined || name.startsWith('GIT_') ? [] : [[name, value] as const],
  );
  return { ...Object.fromEntries(kept), HOME: homedir(), LC_ALL: 'C', LANGUAGE: '', ...more };
}
