import type { Trigger } from '../plan/scenario.js';
import type { Target } from './target.js';
import { fireKeyboard } from './keyboard.js';
import { fireLkdtm } from './lkdtm.js';
import { fireNmi } from './nmi.js';
import { fireSerialBreak } from './serial-break.js';
import { fireSysrq } from './sysrq.js';

/** Makes the guest panic (or, for a negative control, tries to) and records that it was done. */
export async function fire(
  trigger: Exclude<Trigger, { kind: 'choreography' | 'ssh' }>,
  target: Target,
): Promise<void> {
  switch (trigger.kind) {
    case 'sysrq':
      return fireSysrq(trigger, target);
    case 'nmi':
      return fireNmi(target);
    case 'serial-break':
      return fireSerialBreak(trigger, target);
    case 'keyboard':
      return fireKeyboard(trigger, target);
    case 'lkdtm':
      return fireLkdtm(trigger, target);
  }
}
