import { needsOf } from '../trigger/triggers.js';
import type { Scenario } from './scenario.js';

/** Whether a scenario sends interrupts from outside the guest, so that QEMU needs its qtest channel. */
export function needsQtest({ trigger, sources }: Scenario): boolean {
  if (sources.some((source) => !('frames' in source))) return true;
  return needsOf(trigger).includes('qtest');
}
