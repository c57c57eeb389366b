/** For tests of proposals: the relations in the texts that the reader of stacks is tested with. */
import { readFileSync } from 'node:fs';
import { isRelation, type Relation, relationIn } from '../../proposal/relation.js';
import { readStacks } from '../../stacks/read-stacks.js';

/** Texts with stacks. */
export const STACKS = new URL('../../../harness/stacks/testdata/', import.meta.url).pathname;

/** The texts among them that show who waits for whom. */
export const WITH_RELATION = [
  'mail-arrows.txt',
  'mail-columns.txt',
  'crash-bt.txt',
  'gdb-threads.txt',
  'drgn.txt',
  'log-nmi-backtraces.txt',
  'log-old-syslog.txt',
  'mail-own-cpu.txt',
] as const;

/** The relation in one of the texts. */
export function relationFrom(name: (typeof WITH_RELATION)[number]): Relation {
  const found = relationIn(readStacks(readFileSync(`${STACKS}${name}`, 'utf8')));
  if (isRelation(found)) return found;
  throw new Error(`${name} shows no relation`);
}
