import { loadError } from '../classify/arming.js';
import type { Armed, RunEvent } from '../model/event.js';
import { BOOTED_BECAUSE, type BootReason } from '../model/start.js';
import { reservationText } from '../plan/reservation.js';
import { safeName } from './words.js';

/** How a run is about to begin: as a clone of a template with this name, or with a boot. */
export type Beginning =
  | { readonly template: { readonly name: string; readonly tookMs: number } }
  | { readonly booted: BootReason };

/**
 * How a run begins, behind "starting": ` as a clone of templates/001`. Empty where a boot is what was asked for, or all
 * there could be. Pure.
 */
export function beginningText(beginning: Beginning): string {
  if ('template' in beginning) return ` as a clone of ${safeName(beginning.template.name)}`;
  const { booted } = beginning;
  if (booted === 'no-clone' || booted === 'few-runs') return '';
  if (booted === 'control') return ' with a boot, as a control for the clones';
  return ` with a boot: ${BOOTED_BECAUSE[booted]}`;
}

/** Seconds of a run's own time, and what it has done: `12.3 s panic`; undefined for most events. Pure. */
export function progressText(event: RunEvent, beginning?: Beginning): string | undefined {
  const phase = phaseText(event);
  // A clone's recording, and its clock, begin with its template's boot.
  const beganMs = beginning !== undefined && 'template' in beginning ? beginning.template.tookMs : 0;
  return phase === undefined ? undefined : `${((event.atMs - beganMs) / 1000).toFixed(1)} s ${phase}`;
}

/** What a run has done, for some of its events. Pure. */
export function phaseText(event: RunEvent): string | undefined {
  if (event.type === 'armed') return armedText(event.armed);
  if (event.type === 'host' && event.fact.fact === 'symbols') return SYMBOLS[event.fact.state];
  return PHASES[event.type];
}

function armedText(armed: Armed): string {
  return armed.loaded
    ? `capture kernel loaded, reserved: ${reservationText(armed)}`
    : `capture kernel not loaded: ${loadError(armed)}`;
}

const SYMBOLS = {
  reading: "reading the kernel's symbols, once for this image",
  known: "the kernel's symbols are known",
  unknown: 'the run continues without symbols: places will be addresses',
} as const;

const PHASES: Partial<Record<RunEvent['type'], string>> = {
  hello: 'first kernel is up',
  firing: 'fired',
  panic: 'panic',
  'capture-command-line': 'capture kernel has started',
  'capture-hello': 'capture userspace is up',
  'vmcore-missing': 'no vmcore',
  vmcore: 'the vmcore shows the crashed kernel',
  'vmcore-read': 'all of the vmcore is read',
  dump: 'the capture kernel has written its dump',
};
