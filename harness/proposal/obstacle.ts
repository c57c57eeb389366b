import type { HostFact } from '../model/record.js';
import type { Step } from '../trigger/choreography-steps.js';

/** Why a run did not reach the state that was to be tried, as far as it says what to change. */
export type Obstacle =
  /** The kernel has no function or variable of these names, or several; each group with the nearest names that it has. */
  | { readonly kind: 'no-symbol'; readonly missing: readonly MissingSymbol[] }
  /** The function does not make the call; what it calls. */
  | { readonly kind: 'not-called'; readonly calls: readonly string[] }
  /** The holder's place, or the crasher's, was not reached in time. */
  | { readonly kind: 'not-reached'; readonly role: string }
  /** A proof failed: the lock is free, the holder stands elsewhere, interrupts are on. */
  | { readonly kind: 'not-proved'; readonly about: 'lock' | 'holder' | 'interrupts' | 'crasher' }
  /** Another cause, which no choice avoids. */
  | { readonly kind: 'other' };

export interface MissingSymbol {
  readonly names: readonly string[];
  readonly nearest: readonly string[];
}

export interface Obstructed {
  readonly obstacle: Obstacle;
  /** What was wanted and what was seen, as the run recorded it. */
  readonly text: string;
}

/** What kept a run with these steps from its state? `facts` are the run's, in order. Pure. */
export function obstacleIn(facts: readonly HostFact[], steps: readonly Step[]): Obstructed {
  const failed = facts.flatMap((fact) => (fact.fact === 'proof' && !fact.proved ? [fact] : [])).at(-1);
  if (failed === undefined) return { obstacle: { kind: 'other' }, text: 'no proof failed' };
  const { what, saw } = failed;
  const text = `${what}: ${saw}`;
  const step = steps[Number(/^step (\d{1,3}): /.exec(what)?.[1] ?? 0) - 1];
  return { obstacle: obstacleOf({ what, saw }, step), text };
}

function obstacleOf({ what, saw }: { what: string; saw: string }, step: Step | undefined): Obstacle {
  const missing = missingIn(what, saw);
  if (missing.length > 0) return { kind: 'no-symbol', missing };
  if (/^(?:step \d+: )?find the call of /.test(what)) {
    const calls = /calls: ([\w., ]+)/.exec(saw)?.[1] ?? '';
    return { kind: 'not-called', calls: calls.split(', ').filter((name) => name !== 'none' && name !== '') };
  }
  if (step === undefined) return { kind: 'other' };
  if ('hold' in step) return { kind: 'not-reached', role: step.hold.as };
  if ('run' in step) return { kind: 'not-reached', role: step.run.as };
  if ('fire' in step) return { kind: 'not-reached', role: step.fire.role };
  if (!('prove' in step)) return { kind: 'other' };
  const { prove } = step;
  if ('lock' in prove) return { kind: 'not-proved', about: 'lock' };
  if ('role' in prove && prove.role === 'crasher') return { kind: 'not-proved', about: 'crasher' };
  return { kind: 'not-proved', about: 'interrupts' in prove ? 'interrupts' : 'holder' };
}

/** How a run says that a symbol cannot be used (symbols/find-symbol.ts). */
const MISSING =
  /(?:^|; |: )(?:find the (?:function|variable) )?([\w.]+(?: or [\w.]+)*): (?:this kernel has (?:none|\d+ of)|[\w.]+ is per-CPU)[^;]*(?:; nearest: ([\w., ]+))?/g;

/**
 * The symbols that a statement says to be missing: one about all names of a scenario (`a or b: this kernel has none ...;
 * nearest: c, d; e: ...`), or one of a single step (`step 2: find the function a`).
 */
function missingIn(what: string, saw: string): MissingSymbol[] {
  const text = /find the (?:function|variable) /.test(what)
    ? `${what.replace(/^step \d+: /, '')}: ${saw}`
    : saw;
  return [...text.matchAll(MISSING)].map(([, names = '', nearest = '']) => ({
    names: names.split(' or '),
    nearest: nearest.split(', ').filter((name) => name !== '' && name !== 'none'),
  }));
}
