import { nearest } from '../../model/nearest.js';
import { SWEEPS } from '../../sweep/map.js';

/** A command line that yargs refuses. */
export interface Misused {
  /** The words after `crashpath`. */
  readonly words: readonly string[];
  /** Options that the command has, without dashes. */
  readonly options: readonly string[];
  /** Names of the commands that could follow. */
  readonly commands: readonly string[];
  /** The longest existing command: `crashpath kernel`, or `crashpath` alone. */
  readonly command: string;
}

/**
 * Turns a message of yargs (yargs 18, English) into one line of crashpath's form: what, why, remedy. An unknown message
 * is quoted. Pure.
 */
export function usageMessage(complaint: string, misused: Misused): string {
  const help = `see ${misused.command} --help`;
  const line = complaint.replace(/\s+/g, ' ').trim();
  // The message of a fault that an option's own check threw.
  if (line.startsWith('cannot ')) return line;
  const unknown = /^Unknown (?:arguments?|commands?): ([^,]*)/.exec(line);
  if (unknown !== null) {
    // yargs names the options behind a command that it does not know, and not the command.
    const first = (misused.words[0] ?? '').replace(/\s+/g, ' ').trim();
    const isCommand = first === '' || first.startsWith('-') || misused.commands.includes(first);
    return unknownWord(
      misused.command === 'crashpath' && !isCommand ? first : (unknown[1] ?? ''),
      misused,
      help,
    );
  }
  const invalid = /^Invalid values: Argument: (\S+), Given: (.*?), Choices: (.*?)(?: Argument: |$)/.exec(
    line,
  );
  if (invalid !== null) {
    const [, name = '', given = '', choices = ''] = invalid;
    const option = misused.words.some((word) => word.startsWith(`--${name}`)) ? `--${name}` : `<${name}>`;
    return `cannot use ${option} ${given}: it is none of ${choices.replaceAll('"', '')}; choose one of them`;
  }
  const valueless = /^Not enough arguments following: (\S+)/.exec(line);
  if (valueless !== null) {
    const option = spelled(valueless[1] ?? '', misused.words);
    return `cannot use "${option}": it needs a value; write ${option}=VALUE when the value begins with a dash, or ${help}`;
  }
  const required = /^Missing required arguments?: (.*)$/.exec(line);
  if (required !== null) {
    const names = (required[1] ?? '').split(', ').map((name) => `--${name}`);
    return `cannot run "${misused.command}": ${names.join(' and ')} must be given; ${help}`;
  }
  if (line.startsWith('Not enough non-option arguments')) {
    return `cannot run "${misused.command}": it needs an argument; ${help}`;
  }
  return `cannot understand the command line "${misused.words.join(' ')}": ${line}; ${help}`;
}

function unknownWord(name: string, misused: Misused, help: string): string {
  const word = spelled(name, misused.words);
  if (word.startsWith('-')) {
    // yargs knows the negated form of a switch without a value only.
    if (name.startsWith('no-') && misused.options.includes(name.slice(3)))
      return `cannot use "${word}" with a value: it takes none; write ${word} alone`;
    const [near] = nearest(name, misused.options);
    const hint = near === undefined ? help : `did you mean --${near}? ${capital(help)}`;
    return `cannot understand "${word}": there is no such option; ${hint}`;
  }
  if (isSweep(word) && misused.command === 'crashpath')
    return `cannot understand "${word}": there is no such command; it is a sweep: crashpath sweep ${word}`;
  const [near] = nearest(name, misused.commands);
  if (misused.commands.length === 0) return `cannot understand "${word}": it is one word too many; ${help}`;
  const hint =
    near === undefined
      ? `there are ${misused.commands.join(', ')}; ${help}`
      : `did you mean "${near}"? ${capital(help)}`;
  return `cannot understand "${word}": there is no such command; ${hint}`;
}

function isSweep(word: string): boolean {
  return SWEEPS.some((name) => name === word);
}

/** The word as typed, for a name that yargs has stripped of dashes, value and `no-`. */
function spelled(name: string, words: readonly string[]): string {
  const folded = words.map((word) => word.replace(/\s+/g, ' ').trim());
  const typed = folded.find((word) => {
    const [bare = ''] = word.split('=');
    return [bare, bare.replace(/^--?/, ''), bare.replace(/^--no-/, '')].includes(name);
  });
  return typed?.split('=')[0] ?? (name.length === 1 ? `-${name}` : `--${name}`);
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
