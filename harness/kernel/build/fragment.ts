import { parseConfig } from '../config.js';

/**
 * A configuration with the fragment's options in place of its own; the order of the rest is kept. Kconfig itself
 * takes the last of several lines, but warns of each.
 */
export function mergeConfig(base: string, fragment: string): string {
  const wanted = parseConfig(fragment);
  const kept = base.split('\n').filter((line) => {
    const name = /^(?:# )?(CONFIG_\w+)(?:=| is not set)/.exec(line)?.[1];
    return name === undefined || !wanted.has(name);
  });
  return `${kept.join('\n').trimEnd()}\n${fragment.trimEnd()}\n`;
}

/** An option that did not become what the fragment asks for. */
export interface UnsetOption {
  readonly name: string;
  readonly wanted: string;
  /** What it is instead; `absent` when the kernel does not know it or its dependencies are off. */
  readonly found: string;
}

/**
 * The options of a fragment that a finished configuration does not have as asked for. One that is asked to be off
 * may be absent; one that is asked to be a module may be built in.
 */
export function unsetOptions(fragment: string, finished: string): UnsetOption[] {
  const config = parseConfig(finished);
  return [...parseConfig(fragment)].flatMap(([name, wanted]) => {
    const found = config.get(name) ?? 'absent';
    const good =
      found === wanted || (wanted === 'n' && found === 'absent') || (wanted === 'm' && found === 'y');
    return good ? [] : [{ name, wanted, found }];
  });
}
