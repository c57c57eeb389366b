import { z } from 'zod';
import { firing } from './trigger.js';

/**
 * QMP inject-nmi. On a booted Linux it reaches the boot CPU only, because LINT1 is masked on the others (measured,
 * QEMU 7.2).
 */
export const nmi = firing({
  schema: z.strictObject({ kind: z.literal('nmi') }),
  context: 'NMI context, on the boot CPU',
  needs: ['nmi'],
  arm: async (_, target) => async () => {
    target.fact({ fact: 'fired', how: 'qmp inject-nmi' });
    await target.nmi.inject();
  },
});
