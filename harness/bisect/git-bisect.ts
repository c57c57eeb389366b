import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Commit } from '../bisection/state.js';
import { type GitOptions, git, isObjectName, type Repository } from '../kernel/index.js';
import { foldLine } from '../model/escape.js';
import { harnessFault } from '../model/fault.js';

/** git's own status when only skipped commits are left, and when the merge base is bad (bisect.h, enum bisect_error). */
const ONLY_SKIPPED = 2;
const MERGE_BASE_BAD = 3;

/** `git bisect` on a large history computes for seconds. */
const DEADLINE_MS = 10 * 60_000;

/** A commit with its verdict. */
export interface Mark {
  readonly commit: string;
  readonly verdict: 'good' | 'bad' | 'skip';
}

/** What git says after a mark. */
export type Next =
  | { readonly kind: 'test'; readonly commit: string }
  | { readonly kind: 'found'; readonly commit: string }
  | { readonly kind: 'only-skipped' }
  | { readonly kind: 'merge-base-bad'; readonly commit: string };

/** The ends of a bisection. */
export interface Ends {
  readonly good: string;
  readonly bad: string;
  readonly firstParent: boolean;
}

/**
 * A `git bisect` in a bare repository of its own, which borrows the objects of the user's (gitrepository-layout(5),
 * objects/info/alternates) and nothing else: no hook, no configuration, no ref. git bisect(1) runs hooks whatever
 * core.hooksPath says (seen with 2.39), so a work tree of the user's repository would not do. It is made anew from the
 * marks whenever it is opened, so that no state of a killed process counts.
 */
export class GitBisect {
  /** The user's repository as it is named, and the directory of this one. */
  readonly #repository: Repository;
  readonly #signal: AbortSignal | undefined;
  readonly #ends: Ends;
  readonly #marks: Mark[] = [];
  #next: Next = { kind: 'only-skipped' };

  private constructor(repository: Repository, ends: Ends, signal: AbortSignal | undefined) {
    this.#repository = repository;
    this.#ends = ends;
    this.#signal = signal;
  }

  /**
   * Makes the repository at `directory`, in place of what is there, and replays the marks. Throws a harness fault when git
   * does not do it.
   */
  static async open(
    repository: Repository,
    ends: Ends,
    {
      directory,
      marks,
      signal,
    }: {
      readonly directory: string;
      readonly marks: readonly Mark[];
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<GitBisect> {
    const own = { named: repository.named, commonDir: directory };
    const bisect = new GitBisect(own, ends, signal);
    await bisect.close();
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const format = ends.good.length === 64 ? ['--object-format=sha256'] : [];
    await bisect.#must(['init', '--quiet', '--bare', '--template=', ...format]);
    await mkdir(join(directory, 'objects', 'info'), { recursive: true });
    await writeFile(
      join(directory, 'objects', 'info', 'alternates'),
      `${join(repository.commonDir, 'objects')}\n`,
    );
    // A shallow clone ends at commits whose parents it does not have.
    await copyFile(join(repository.commonDir, 'shallow'), join(directory, 'shallow')).catch(() => undefined);
    await bisect.#must(['update-ref', '--no-deref', 'HEAD', ends.good]);
    const start = ['bisect', 'start', '--no-checkout', ...(ends.firstParent ? ['--first-parent'] : [])];
    bisect.#next = await bisect.#step([...start, ends.bad, ends.good]);
    for (const mark of marks) await bisect.mark(mark);
    return bisect;
  }

  /** What is to be done now. */
  get next(): Next {
    return this.#next;
  }

  /** Tells git about a commit. */
  async mark(mark: Mark): Promise<Next> {
    this.#marks.push(mark);
    this.#next = await this.#step(['bisect', mark.verdict, mark.commit]);
    return this.#next;
  }

  /** The commits among which the first bad one is, newest first. */
  async candidates(): Promise<string[]> {
    return candidatesBetween(this.#repository, this.#ends, { marks: this.#marks, signal: this.#signal });
  }

  /** `git bisect log`, as `git bisect replay` takes it in any work tree. */
  async log(): Promise<string> {
    const text = await this.#file('BISECT_LOG');
    // A replay checks the commits out.
    return text.replace("git bisect start '--no-checkout' ", 'git bisect start ');
  }

  /** Removes the repository. */
  async close(): Promise<void> {
    await rm(this.#repository.commonDir, { recursive: true, force: true });
  }

  async #step(args: readonly string[]): Promise<Next> {
    const done = await git(this.#repository, args, { deadlineMs: DEADLINE_MS, signal: this.#signal });
    if (!done.ok) {
      if (done.exitCode === ONLY_SKIPPED) return { kind: 'only-skipped' };
      if (done.exitCode === MERGE_BASE_BAD) return { kind: 'merge-base-bad', commit: this.#lastBad() };
      throw harnessFault(
        `cannot carry out "git ${args.join(' ')}" in "${this.#repository.named}": ${done.why}; see whether git fsck finds damage`,
      );
    }
    // The subject of a commit stands in brackets: no line of it begins with the name of a commit.
    const found = done.stdout
      .split('\n')
      .some((line) => line === `${this.#lastBad()} is the first bad commit`);
    if (found) return { kind: 'found', commit: this.#lastBad() };
    const commit = (await this.#file('BISECT_HEAD')).trim();
    if (isObjectName(commit)) return { kind: 'test', commit };
    throw harnessFault(
      `cannot bisect "${this.#repository.named}": git names no commit to test after "git ${args.join(' ')}"; report this`,
    );
  }

  /** A file in which git keeps the state of a bisection. */
  async #file(name: string): Promise<string> {
    return readFile(join(this.#repository.commonDir, name), 'utf8').catch(() => '');
  }

  #lastBad(): string {
    return this.#marks.findLast(({ verdict }) => verdict === 'bad')?.commit ?? this.#ends.bad;
  }

  async #must(args: readonly string[]): Promise<string> {
    return must(this.#repository, args, { signal: this.#signal });
  }
}

/** The commits among which the first bad one is, newest first: reached from the last bad one and from no good one. */
export async function candidatesBetween(
  repository: Repository,
  { good, bad, firstParent }: Ends,
  {
    marks = [],
    signal,
  }: { readonly marks?: readonly Mark[]; readonly signal?: AbortSignal | undefined } = {},
): Promise<string[]> {
  const goods = [good, ...marks.flatMap((mark) => (mark.verdict === 'good' ? [mark.commit] : []))];
  const last = marks.findLast(({ verdict }) => verdict === 'bad')?.commit ?? bad;
  const listed = await must(
    repository,
    ['rev-list', ...(firstParent ? ['--first-parent'] : []), last, '--not', ...goods],
    { signal, deadlineMs: DEADLINE_MS },
  );
  return listed.split('\n').filter(isObjectName);
}

/** What is shown of a commit. Everything in it may be hostile: control and invisible characters are removed. */
export async function describeCommit(
  repository: Repository,
  commit: string,
  options: GitOptions = {},
): Promise<Commit> {
  const format = '--format=%P%x00%s%x00%an%x00%aI';
  const text = await must(repository, ['log', '-1', '--no-mailmap', format, commit, '--'], options);
  const [parents = '', subject = '', author = '', date = ''] = text.split('\0');
  return {
    commit,
    parents: parents.split(' ').filter(isObjectName).slice(0, 256),
    subject: foldLine(subject, 200),
    author: foldLine(author, 100),
    date: foldLine(date, 30),
  };
}

async function must(repository: Repository, args: readonly string[], options: GitOptions): Promise<string> {
  const done = await git(repository, args, options);
  if (done.ok) return done.stdout;
  throw harnessFault(
    `cannot carry out "git ${args.slice(0, 6).join(' ')}" in "${repository.named}": ${done.why}; see whether git fsck finds damage`,
  );
}
