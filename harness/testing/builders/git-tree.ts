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

  /** Checked-out commit, branch, refs and work trees: what a bisection must leave alone. */
  async state(): Promise<string> {
    const parts = [['rev-parse', 'HEAD'], ['status', '--porcelain', '--branch'], ['for-each-ref']];
    return (await Promise.all(parts.map((args) => this.git(...args)))).join('\n');
  }
}
