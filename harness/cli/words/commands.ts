import type { Argv } from 'yargs';
import { classifyCommand } from './classify.js';
import { compareCommand } from '../compare.js';
import { doctorCommand } from './doctor.js';
import { IMAGE_COMMANDS } from './image.js';
import { KERNEL_COMMANDS } from './kernel.js';
import { listCommand } from './list.js';
import { runCommand } from '../run.js';
import { showCommand } from './show.js';
import { sweepCommand } from '../sweep.js';

/** A command as far as its words go; what it does is left out. */
export interface CommandWords {
  /** As yargs takes it: `show <spec>`. */
  readonly command: string;
  readonly builder: (yargs: Argv) => unknown;
}

type Group = Readonly<Record<string, CommandWords>>;

const GROUPS: Readonly<Record<string, Group>> = { kernel: KERNEL_COMMANDS, image: IMAGE_COMMANDS };

/** All commands by name, in the order of the help; those that only hold others, and `completion`, have no words. */
export const COMMANDS: Readonly<Record<string, CommandWords | undefined>> = {
  run: runCommand,
  compare: compareCommand,
  sweep: sweepCommand,
  list: listCommand,
  show: showCommand,
  classify: classifyCommand,
  kernel: undefined,
  image: undefined,
  doctor: doctorCommand,
  completion: undefined,
};

/** The commands that a command holds; undefined for an ordinary one. */
export function groupOf(name: string): Group | undefined {
  return Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
}

/** yargs 18 has getOptions(), its types do not. */
interface Declaring {
  getOptions(): {
    readonly key: Readonly<Record<string, unknown>>;
    readonly choices: Readonly<Record<string, string[]>>;
  };
}

function isDeclaring(parser: object): parser is Declaring {
  return 'getOptions' in parser && typeof parser.getOptions === 'function';
}

/** Options that a parser has been told of, without dashes, and the choices of those that have some. */
export function optionsOf(parser: object): { names: string[]; choices: Readonly<Record<string, string[]>> } {
  if (!isDeclaring(parser)) return { names: [], choices: {} };
  const { key, choices } = parser.getOptions();
  return { names: Object.keys(key), choices };
}
