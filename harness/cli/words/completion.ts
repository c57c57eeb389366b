import yargs from 'yargs';
import { COMMANDS, type CommandWords, groupOf, optionsOf } from './commands.js';
import { cacheDirectory } from '../directories.js';

/** The word with which the script that `crashpath completion` prints asks; what was typed follows it. */
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
 * What may stand in place of the last word; `words` is what was typed after `crashpath`, the unfinished word last.
 * yargs is not asked, because it would run the command that is being typed (yargs 18: a complete `kernel rm NAME`
 * removes the kernel).
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
  const { names, choices } = declaredBy(words);
  const option = before.at(-1) ?? '';
  if (KERNEL_OPTIONS.has(option)) return kernelSpecs();
  if (option === '--machine-profile') return (await import('../../prepare/machine-files.js')).machineNames();
  const choice = own(choices, option.replace(/^--/, ''));
  if (choice !== undefined) return choice;
  if (current.startsWith('-')) return [...names, ...GLOBAL_OPTIONS];
  return [...(await positionals(words, choices)), ...(current === '' ? names : [])];
}

/** Long options of a command, and all choices. */
function declaredBy({ command, builder }: CommandWords) {
  const parser = yargs([]);
  builder(parser);
  const { names, choices } = optionsOf(parser);
  const bare = new Set([...command.matchAll(/[<[](\w+)/g)].map((match) => match[1]));
  const long = names.filter((name) => name.length > 1 && !bare.has(name) && !/^(help|version)$/.test(name));
  return { names: long.map((name) => `--${name}`), choices };
}

async function positionals(
  { command }: CommandWords,
  choices: Readonly<Record<string, string[]>>,
): Promise<string[]> {
  if (/^(run|compare) /.test(command)) return (await import('../../prepare/scenario-files.js')).runnableNames();
  if (/[<[](spec|kernel)[>\]]/.test(command)) return kernelSpecs();
  return choices['what'] ?? [];
}

async function kernelSpecs(): Promise<string[]> {
  const { listKernels } = await import('../../kernel/index.js');
  const kernels = await listKernels({ cacheDir: cacheDirectory() });
  return kernels.map(({ spec }) => spec);
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
