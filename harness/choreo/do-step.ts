import type { Step } from '../trigger/choreography-steps.js';
import { call } from './steps/call.js';
import { find } from './steps/find.js';
import { fire } from './steps/fire.js';
import { hold } from './steps/hold.js';
import { interrupt } from './steps/interrupt.js';
import { prove } from './steps/prove.js';
import { record } from './steps/record.js';
import { release } from './steps/release.js';
import { run } from './steps/run.js';
import { set } from './steps/set.js';
import { trace } from './steps/trace.js';
import { takers } from './steps/takers.js';
import type { Vcpus } from './vcpus.js';

/**
 * Carries out one step; returns what was seen then, one line. Each verb has one file in `steps/` and one line here: a
 * verb of the schema without one does not compile.
 */
export async function doStep(step: Step, vcpus: Vcpus): Promise<string> {
  // The run has started it before, when the guest's shell could run.
  if ('stimulate' in step) return 'started before the vCPUs were stopped';
  await vcpus.stop();
  if ('hold' in step) return hold(step.hold, vcpus);
  if ('run' in step) return run(step.run, vcpus);
  if ('trace' in step) return trace(step.trace, vcpus);
  if ('record' in step) return record(step.record, vcpus);
  if ('takers' in step) return takers(step.takers, vcpus);
  if ('find' in step) return find(step.find, vcpus);
  if ('prove' in step) return prove(step.prove, vcpus);
  if ('call' in step) return call(step.call, vcpus);
  if ('set' in step) return set(step.set, vcpus);
  if ('fire' in step) return fire(step.fire, vcpus);
  if ('interrupt' in step) return interrupt(step.interrupt, vcpus);
  return release(step.release, vcpus);
}
