import type { Trigger } from '../plan/scenario.js';
import type { Target } from './target.js';

/**
 * Writes a sysrq command to /proc/sysrq-trigger from a shell in the guest: task context, interrupts on, and not
 * limited by kernel.sysrq (Documentation/admin-guide/sysrq.rst). The guest announces it on the control channel first.
 */
export async function fireSysrq(trigger: Extract<Trigger, { kind: 'sysrq' }>, target: Target): Promise<void> {
  const write = `echo ${trigger.key} >/proc/sysrq-trigger`;
  const script =
    trigger.cpu === undefined
      ? write
      : `taskset ${(1n << BigInt(trigger.cpu)).toString(16)} sh -c '${write}'`;
  await target.fireScript(script);
  target.fact({ fact: 'fired', how: script });
}
