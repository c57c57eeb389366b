import { z } from 'zod';
import { taskset } from './guest-script.js';
import { SysrqKeySchema } from './sysrq-key.js';
import { firing } from './trigger.js';

/**
 * Writes a sysrq command to /proc/sysrq-trigger from a shell in the guest, which is not limited by kernel.sysrq
 * (Documentation/admin-guide/sysrq.rst). The guest announces it on the control channel first.
 */
export const sysrq = firing({
  schema: z.strictObject({
    kind: z.literal('sysrq'),
    /** The sysrq command letter; `c` crashes. */
    key: SysrqKeySchema,
    /** vCPU that writes /proc/sysrq-trigger; absent: wherever the agent runs. */
    cpu: z.number().int().min(0).max(255).optional(),
  }),
  context: 'task context, interrupts on',
  needs: [],
  arm: async ({ key, cpu }, target) => {
    const write = `echo ${key} >/proc/sysrq-trigger`;
    const script = cpu === undefined ? write : `${taskset(cpu)} sh -c '${write}'`;
    return async () => {
      await target.fireScript(script);
      target.fact({ fact: 'fired', how: script });
    };
  },
});
