import { controllerLines } from '../hmp/controllers.js';
import type { HostFact } from '../model/record.js';

/** The interrupt controllers as they were right before firing. */
export type InterruptState = Extract<HostFact, { fact: 'interrupt-state' }>;

/** The controllers line by line, see {@link controllerLines}. */
export function interruptStateLines({ pic, lapics, lapicsOf }: InterruptState): string[] {
  return controllerLines({ pic, lapics, asStopped: lapicsOf !== undefined });
}
