import type { CallArgument, Step } from './choreography-steps.js';
import { mistakeInScript } from './guest-script.js';

/** A contradiction in a script, as one sentence with the number of the step; undefined when there is none. */
export function contradictionIn(steps: readonly Step[], cpus: number): string | undefined {
  const stopped = new Set<string>();
  const bound = new Set<string>();
  /**
   * Roles that must be released to carry out their panic, or a call that does not return; with the step that directed
   * them.
   */
  const waiting = new Map<string, number>();
  /** Roles directed into a call that does not return. */
  const sent = new Set<string>();
  /** Roles that ran to a location after the firing: the state on the crash path. */
  const broughtAfterFiring = new Set<string>();
  let fired = false;
  let proved = false;
  for (const [index, step] of steps.entries()) {
    // They only read, with all vCPUs stopped.
    if ('takers' in step || 'find' in step) continue;
    const at = (what: string) => `step ${index + 1}: ${what}`;
    const on = 'hold' in step ? step.hold.on : 'run' in step ? step.run.on : undefined;
    if (typeof on === 'number' && on >= cpus)
      return at(`there is no vCPU ${on}: there are ${cpus}, counted from 0`);
    if ('stimulate' in step) {
      // The guest's shell must be able to run: no vCPU may be held yet.
      if (stopped.size > 0) return at('a stimulus starts before any vCPU is held');
      const mistake = mistakeInScript(step.stimulate.script);
      if (mistake !== undefined) return at(`the script of the stimulus ${mistake}`);
    } else if ('hold' in step) {
      const { as } = step.hold;
      if (bound.has(as)) return at(`role "${as}" is taken already`);
      if (stopped.size >= cpus) return at(`it would hold every vCPU: there are ${cpus}, all held`);
      bound.add(as);
      stopped.add(as);
      if (fired) broughtAfterFiring.add(as);
    } else if ('run' in step) {
      const mistake = mistakeInRun(step.run);
      if (mistake !== undefined) return at(mistake);
      const { as } = step.run;
      if (step.run.on !== undefined && bound.has(as))
        return at(`role "${as}" has its vCPU already; drop "on"`);
      if (!bound.has(as) && bound.size >= cpus)
        return at(`no vCPU is left for role "${as}": there are ${cpus}`);
      bound.add(as);
      stopped.add(as);
      if (fired) broughtAfterFiring.add(as);
    } else if ('trace' in step || 'record' in step) {
      const { role } = 'trace' in step ? step.trace : step.record;
      if (!stopped.has(role)) return at(`role "${role}" is not held`);
      if ('record' in step) {
        const mistake = mistakeInRecord(step.record);
        if (mistake !== undefined) return at(mistake);
        // A recording leaves its vCPU at a location, as `run` does.
        if (fired) broughtAfterFiring.add(role);
      }
    } else if ('prove' in step) {
      if (fired && broughtAfterFiring.size === 0)
        return at(
          'a proof after firing proves nothing about the moment of firing; run a role to a place on the crash path first',
        );
      proved = true;
      if ('role' in step.prove && !stopped.has(step.prove.role)) {
        return at(`role "${step.prove.role}" is not held`);
      }
    } else if ('call' in step || 'fire' in step) {
      const { role } = 'call' in step ? step.call : step.fire;
      if (!stopped.has(role)) return at(`role "${role}" is not held`);
      if (sent.has(role)) return at(`role "${role}" is in a call that does not return`);
      const args = 'call' in step ? step.call.args : (step.fire.call?.args ?? []);
      const running = rolesIn(args).find((named) => !stopped.has(named));
      if (running !== undefined) return at(`role "${running}" is not held`);
      const forEver = 'call' in step && step.call.returns === 'never';
      if (forEver) sent.add(role);
      if (forEver || 'fire' in step) waiting.set(role, index + 1);
      fired ||= 'fire' in step;
    } else if ('set' in step) {
      const { of } = step.set;
      if (of !== undefined && !stopped.has(of)) return at(`role "${of}" is not held`);
    } else if ('interrupt' in step) {
      const { role } = step.interrupt;
      if (!bound.has(role)) return at(`role "${role}" is not bound`);
    } else {
      const { release } = step;
      if (release !== 'all' && !bound.has(release)) return at(`role "${release}" is not bound`);
      if (release === 'all') {
        stopped.clear();
        waiting.clear();
      } else {
        stopped.delete(release);
        waiting.delete(release);
      }
    }
  }
  for (const [role, step] of waiting) {
    return `step ${step}: role "${role}" is ${sent.has(role) ? 'sent into a call' : 'fired'} and never released: it would not get to it`;
  }
  if (!fired) return 'it never fires';
  return proved ? undefined : 'it proves nothing: a state that is not proved makes every run void';
}

/** Roles that arguments name. */
function rolesIn(args: readonly CallArgument[]): string[] {
  return args.flatMap((argument) => (typeof argument === 'object' ? (argument.of ?? []) : []));
}

function mistakeInRecord({ at, to }: Extract<Step, { record: unknown }>['record']): string | undefined {
  const places = at.map((place) => JSON.stringify(place));
  if (places.includes(JSON.stringify(to)))
    return '"to" is one of the places "at": a recording ends before it notes its end';
  if (new Set(places).size < places.length) return 'a place of "at" is there twice';
  return undefined;
}

function mistakeInRun({
  to,
  forMs,
  thenStep,
  thenOver,
  orElse,
}: Extract<Step, { run: unknown }>['run']): string | undefined {
  if (to !== undefined && forMs !== undefined) return 'run needs either "to" or "forMs"';
  if (to === undefined && forMs === undefined && thenStep === undefined)
    return 'run needs "to", "forMs" or "thenStep"';
  if (thenStep !== undefined && forMs !== undefined)
    return '"thenStep" counts from a place: use it with "to", or alone';
  if (thenStep !== undefined && orElse !== undefined)
    return '"thenStep" counts from a place: "orElse: stay" may stand anywhere';
  if (thenOver !== undefined && (to === undefined || orElse !== undefined || thenStep !== undefined))
    return '"thenOver" continues from the call at "to": use neither "thenStep" nor "orElse" with it';
  return undefined;
}
