/** Git repositories for tests. */
import { execa } from 'execa';
import { writeTree } from '../files.js';

/** A repository with a work tree; commits are made in it as files are given. */
export class MadeRepository {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** An empty repository at that path. */
  static async at(path: string): Promise<MadeRepository> {
    await execa('git', ['init', '-q', '-b', 'main', path]);
    return new MadeRepository(path);
  }

  /** Runs git there and returns what it prints. */
  async git(...args: string[]): Promise<string> {
    const identity = ['-c', 'user.name=A U Thor', '-c', 'user.email=author@example.com'];
    const { stdout } = await execa('git', ['-C', this.path, ...identity, ...args], {
      env: { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_EDITOR: 'true' },
    });
    return stdout;
  }

  /** Writes files, commits everything, and returns the commit's name. */
  async commit(subject: string, files: Readonly<Record<string, string | Buffer>> = {}): Promise<string> {
    await writeTree(this.path, files);
    await this.git('add', '-A');
    await this.git('commit', '-q', '--allow-empty', '--no-verify', '-m', subject);
    return this.git('rev-parse', 'HEAD');
  }

  /**
   * Commits in a row on `main`, at once: each with its subject and its files beside those of the commit before it.
   * Returns their names.
   */
  async line(
    commits: readonly {
      readonly subject: string;
      readonly files: Readonly<Record<string, string | Buffer>>;
    }[],
  ): Promise<string[]> {
    const data = (text: string | Buffer) => {
      const bytes = Buffer.from(text);
      return Buffer.concat([Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from('\n')]);
    };
    const head = await this.git('rev-parse', '--verify', '--quiet', 'main').catch(() => undefined);
    const input = commits.flatMap(({ subject, files }, index) => [
      Buffer.from(`commit refs/heads/main\nmark :${index + 1}\n`),
      Buffer.from(`author A U Thor <author@example.com> ${1_700_000_000 + index} +0000\n`),
      Buffer.from(`committer A U Thor <author@example.com> ${1_700_000_000 + index} +0000\n`),
      data(subject),
      ...(index === 0 && head !== undefined ? [Buffer.from(`from ${head}\n`)] : []),
      ...Object.entries(files).flatMap(([name, content]) => [
        Buffer.from(`M 100644 inline ${name}\n`),
        data(content),
      ]),
    ]);
    await execa('git', ['-C', this.path, 'fast-import', '--quiet'], { input: Buffer.concat(input) });
    await this.git('reset', '-q', '--hard', 'main');
    const listed = await this.git('rev-list', '--reverse', `-${commits.length}`, 'main');
    return listed.split('\n');
  }

  /** Checked-out commit, branch, refs and work trees: what a bisection must leave alone. */
  async state(): Promise<string> {
    const parts = [['rev-parse', 'HEAD'], ['status', '--porcelain', '--branch'], ['for-each-ref']];
    return (await Promise.all(parts.map((args) => this.git(...args)))).join('\n');
  }
}
