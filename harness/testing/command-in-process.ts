/** The command `crashpath` in this process: 50 ms of CPU instead of 700, for tests of its output. */
import { AsyncLocalStorage } from 'node:async_hooks';
import PQueue from 'p-queue';
import { runCommandLine } from '../cli/command-line.js';
import { setQuiet } from '../cli/context.js';
import type { Ended, Start } from './crashpath-command.js';

const STREAMS = ['stdout', 'stderr'] as const;
type Texts = Record<(typeof STREAMS)[number], string>;

/** What the command that is running has written; the test's own output carries no such store. */
const written = new AsyncLocalStorage<Texts>();
/** The working directory and the environment belong to the whole process. */
const oneAtATime = new PQueue({ concurrency: 1 });

for (const name of STREAMS) {
  const write = process[name].write.bind(process[name]);
  process[name].write = (chunk: string | Uint8Array, ...rest: never[]): boolean => {
    const texts = written.getStore();
    if (texts === undefined) return write(chunk, ...rest);
    texts[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    for (const argument of rest as unknown[]) if (typeof argument === 'function') argument();
    return true;
  };
}

/**
 * Carries out one command line as {@link crashpath} does, without a process of its own. Streams, signals and the exit
 * of a process are tested with a real one.
 */
export function crashpathInProcess(words: readonly string[], options: Start = {}): Promise<Ended> {
  return oneAtATime.add(() => carryOut(words, options));
}

async function carryOut(words: readonly string[], { cwd = '.', environment = {} }: Start): Promise<Ended> {
  const before = { cwd: process.cwd(), exitCode: process.exitCode };
  const restore = setEnvironment({ NO_COLOR: '1', ...environment });
  const texts: Texts = { stdout: '', stderr: '' };
  process.chdir(cwd);
  process.exitCode = undefined;
  try {
    await written.run(texts, () => runCommandLine(words));
    return { exitCode: exitCodeNow(), ...texts };
  } finally {
    process.chdir(before.cwd);
    restore();
    process.exitCode = before.exitCode;
    setQuiet(false);
  }
}

/** Sets variables of this process; the returned function undoes it. One by one, because libuv reads them, not the object. */
function setEnvironment(variables: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

/**
 * The exit code that this process would have. A function: the compiler takes the property for what was assigned last.
 */
function exitCodeNow(): number {
  return Number(process.exitCode ?? 0);
}
