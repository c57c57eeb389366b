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

/** An option whose value differs from the fragment's. */
export interface UnsetOption {
  readonly name: string;
  readonly wanted: string;
  /** Its actual value; `absent` when the kernel does not know it or its dependencies are off. */
  readonly found: string;
}

/**
 * The options of a fragment whose values differ in the finished configuration. An option that is off in the fragment
 * may be absent; a module may be built in.
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
