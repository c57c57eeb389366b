import { basename } from 'node:path';
import yargs from 'yargs';
import { VERDICT_WORDS } from '../../model/verdict.js';
import { SHIPPED } from '../context.js';
import { cacheDirectory } from '../directories.js';
import { type CommandWords, optionsOf } from './command-words.js';
import { COMMANDS, groupOf } from './commands.js';

/** First word of the command line that the shell's completion script runs; the typed words follow it. */
export const COMPLETE = '--get-yargs-completions';

/** Options whose value is a kernel spec. */
const KERNEL_OPTIONS: ReadonlySet<string> = new Set([
  '--kernel',
  '-k',
  '--capture-kernel',
  '--baseline',
  '--candidate',
  '--also',
]);

/** Options that every command has. */
const GLOBAL_OPTIONS = ['--help', '--quiet'];

/**
 * The words that may replace the last one; `words` is what was typed after `crashpath`, the unfinished word last. Not
 * left to yargs, whose completion runs the command that is being typed (yargs 18: a complete `kernel rm NAME` removes
 * the kernel).
 */
export async function propose(words: readonly string[]): Promise<string[]> {
  // bash splits at colons: `debian:6` arrives as three words, and only what follows the colon is replaced.
  if (words.at(-2) === ':' && words.length > 2) {
    const prefix = `${words.at(-3)}:`;
    const whole = await propose([...words.slice(0, -3), `${prefix}${words.at(-1)}`]);
    return whole.map((word) => word.slice(prefix.length));
  }
  const current = words.at(-1) ?? '';
  return (await candidates(words.slice(0, -1), current)).filter((candidate) => candidate.startsWith(current));
}

async function candidates(before: readonly string[], current: string): Promise<string[]> {
  const [first, second] = before;
  if (first === undefined) return [...Object.keys(COMMANDS), '--help', '--version'];
  const group = groupOf(first);
  if (group !== undefined && second === undefined) return Object.keys(group);
  const words = group === undefined ? own(COMMANDS, first) : own(group, second ?? '');
  if (words === undefined) return [];
  const { names, off, choices } = declaredBy(words);
  const option = before.at(-1) ?? '';
  if (KERNEL_OPTIONS.has(option)) return kernelSpecs();
  if (option === '--machine-profile')
    return (await import('../../prepare/machine-files.js')).machineNames(SHIPPED);
  if (option === '--find') return [...VERDICT_WORDS];
  if (option === '--jobs') return ['auto'];
  const choice = own(choices, option.replace(/^--/, ''));
  if (choice !== undefined) return choice;
  if (current.startsWith('-')) return [...names, ...off, ...GLOBAL_OPTIONS];
  // Without candidates the shell completes names of files.
  if (words.command.startsWith('read ')) return [];
  return [...(await positionals(words, choices)), ...(current === '' ? names : [])];
}

/** Long options of a command, the negated form of those that are on, and all choices. */
function declaredBy({ command, builder }: CommandWords) {
  const parser = yargs([]);
  builder(parser);
  const { names, choices, on } = optionsOf(parser);
  const bare = new Set([...command.matchAll(/[<[](\w+)/g)].map((match) => match[1]));
  const long = names.filter((name) => name.length > 1 && !bare.has(name) && !/^(help|version)$/.test(name));
  return { names: long.map((name) => `--${name}`), off: on.map((name) => `--no-${name}`), choices };
}

async function positionals(
  { command }: CommandWords,
  choices: Readonly<Record<string, string[]>>,
): Promise<string[]> {
  if (/^(run|hunt|compare|bisect|bisect-step) /.test(command))
    return (await import('../../prepare/scenario-files.js')).runnableNames(SHIPPED);
  if (command.startsWith('attach ')) return keptNames();
  if (command.startsWith('rm ') && command.includes('[kernel]')) return cachedSpecs();
  if (/[<[](spec|kernel)[>\]]/.test(command)) return kernelSpecs();
  return choices['what'] ?? [];
}

/** Runs whose guests are up. */
async function keptNames(): Promise<string[]> {
  const { keptGuests } = await import('../../kept/kept-guests.js');
  return (await keptGuests(cacheDirectory())).map(({ directory }) => basename(directory));
}

/** Of kernels in the cache and of those that are installed. */
async function kernelSpecs(): Promise<string[]> {
  const { installedReleases } = await import('../../kernel/index.js');
  const installed = (await installedReleases({})).map((release) => `installed:${release}`);
  return [...(await cachedSpecs()), ...installed];
}

async function cachedSpecs(): Promise<string[]> {
  const { listKernelSpecs } = await import('../../kernel/index.js');
  return listKernelSpecs({ cacheDir: cacheDirectory() });
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
