import type { Argv } from 'yargs';

/** A command's declaration: its name, options and help. */
export interface CommandWords {
  /** In yargs' form: `show <run>`. */
  readonly command: string;
  readonly describe: string;
  readonly builder: (yargs: Argv) => unknown;
}

/** {@link CommandWords} that declare options of known types. */
export interface WordsOf<Options> extends CommandWords {
  readonly builder: (yargs: Argv) => Argv<Options>;
}

/** A command that only holds others. */
export interface GroupWords {
  readonly command: string;
  readonly describe: string;
  readonly commands: Readonly<Record<string, CommandWords>>;
  readonly example: readonly [command: string, description: string];
}

/** yargs 18 has getOptions(), but its types lack it. */
interface Declaring {
  getOptions(): {
    readonly key: Readonly<Record<string, unknown>>;
    readonly choices: Readonly<Record<string, string[]>>;
    readonly boolean: readonly string[];
    readonly default: Readonly<Record<string, unknown>>;
  };
}

function isDeclaring(parser: object): parser is Declaring {
  return 'getOptions' in parser && typeof parser.getOptions === 'function';
}

/** Options that are declared on a parser, without dashes. */
export interface DeclaredOptions {
  readonly names: readonly string[];
  /** Of those that have some. */
  readonly choices: Readonly<Record<string, string[]>>;
  /** Those that take no value. */
  readonly switches: readonly string[];
  /** The switches that are on unless they are given with `no-`. */
  readonly on: readonly string[];
}

/** What is declared on a parser so far. */
export function optionsOf(parser: object): DeclaredOptions {
  if (!isDeclaring(parser)) return { names: [], choices: {}, switches: [], on: [] };
  const { key, choices, boolean: switches, default: values } = parser.getOptions();
  return {
    ...{ names: Object.keys(key), choices, switches },
    on: switches.filter((name) => values[name] === true),
  };
}
