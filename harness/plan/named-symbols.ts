import { findSymbol, type SymbolTable } from '../symbols/index.js';
import type { CallArgument, Location, Step } from '../trigger/choreography-steps.js';
import type { Scenario } from './scenario.js';

/** A function or variable that a scenario names: the first of the names that the kernel has. */
export interface NamedSymbol {
  readonly names: readonly string[];
  /** `name`: any symbol of that name will do, several included. */
  readonly sort: 'text' | 'data' | 'name';
}

/** The symbols without which a scenario cannot run, in its order, each once. Pure. */
export function namedSymbols({ trigger, prove }: Pick<Scenario, 'trigger' | 'prove'>): NamedSymbol[] {
  const found = [
    ...prove.flatMap((proof) => ('variable' in proof ? [named(proof.variable, 'data')] : [])),
    ...(trigger.kind === 'choreography' ? trigger.steps.flatMap(inStep) : []),
  ];
  return [...new Map(found.map((symbol) => [JSON.stringify(symbol), symbol])).values()];
}

/** A statement about the symbols that a scenario names, for the record of a run. */
export interface SymbolsJudged {
  readonly what: string;
  readonly proved: boolean;
  readonly saw: string;
}

/** Does the kernel have what the scenario names? Pure. */
export function judgeSymbols(wanted: readonly NamedSymbol[], symbols: SymbolTable): SymbolsJudged {
  const missing = wanted.flatMap(({ names, sort }) => {
    if (sort === 'name' && names.some((name) => symbols.named(name).length > 0)) return [];
    const seen = findSymbol(names, sort === 'data' ? 'data' : 'text', symbols);
    return 'saw' in seen ? [`${names.join(' or ')}: ${seen.saw}`] : [];
  });
  return {
    what: 'the kernel has the functions and variables that the scenario names',
    proved: missing.length === 0,
    saw: missing.length === 0 ? `all ${wanted.length}` : missing.join('; '),
  };
}

function inStep(step: Step): NamedSymbol[] {
  if ('hold' in step) return inLocation(step.hold.at);
  if ('run' in step) return step.run.to === undefined ? [] : inLocation(step.run.to);
  if ('record' in step) {
    const { at, to, missing } = step.record;
    return [...(missing === 'skip' ? [] : at), to].flatMap(inLocation);
  }
  if ('takers' in step) return step.takers.map(({ of }) => named(of, 'data'));
  if ('call' in step) return [named(step.call.function, 'text'), ...inArguments(step.call)];
  if ('set' in step) {
    const { variable, of } = step.set;
    return [named(variable, of === undefined ? 'data' : 'name')];
  }
  if ('fire' in step) {
    if (step.fire.itself === true) return [];
    if (step.fire.call === undefined) return [named('panic', 'text')];
    return [named(step.fire.call.function, 'text'), ...inArguments(step.fire.call)];
  }
  if (!('prove' in step)) return [];
  const { prove } = step;
  if ('lock' in prove) return [named(prove.lock, 'data')];
  if ('variable' in prove) return [named(prove.variable, 'data')];
  if ('in' in prove) return [named(prove.in, 'name')];
  return 'stackHas' in prove ? [named(prove.stackHas, 'name')] : [];
}

function inArguments({ args }: { readonly args: readonly CallArgument[] }): NamedSymbol[] {
  return args.flatMap((argument) => {
    if (typeof argument !== 'object' || !('addressOf' in argument)) return [];
    return [named(argument.addressOf, argument.of === undefined ? 'data' : 'name')];
  });
}

function inLocation(location: Location): NamedSymbol[] {
  if (typeof location === 'string' || Array.isArray(location)) return [named(location, 'text')];
  if ('linear' in location) return [];
  const inside = named(location.in, 'text');
  return 'after' in location ? [inside, named(location.after, 'name')] : [inside];
}

function named(wanted: string | readonly string[], sort: NamedSymbol['sort']): NamedSymbol {
  return { names: [wanted].flat(), sort };
}
