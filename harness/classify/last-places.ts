import type { RunEvent } from '../model/event.js';
import { escapeGuestText } from '../model/escape.js';
import type { HostFact } from '../model/record.js';
import type { VerdictWord } from '../model/verdict.js';
import { factsOf } from './phases.js';
import { stacksIn } from './stacks.js';

/** Verdicts about a guest that did not come to its end: the places of its vCPUs say where. */
const NAMED: ReadonlySet<VerdictWord> = new Set([
  'crash-path-hang',
  'crash-path-reset',
  'purgatory-hang',
  'capture-hang',
  'capture-panic',
  'capture-reset',
  'capture-no-vmcore',
  'cannot-tell',
]);
/** In the sentence; the evidence has all. */
const MOST_VCPUS = 4;
const MOST_FRAMES = 5;
const MOST_BYTES = 400;

type LastPlace = Extract<HostFact, { fact: 'last-place' }>;

/** The last places of a run: a part of a sentence, empty when none were recorded, and their evidence. */
export function lastPlaces(
  word: VerdictWord,
  events: readonly RunEvent[],
): { readonly text: string; readonly evidence: readonly RunEvent[] } {
  const places = NAMED.has(word) ? factsOf(events, 'last-place') : [];
  if (places.length === 0) return { text: '', evidence: [] };
  const stacks = stacksIn(events);
  const running = places.filter(({ fact }) => !isParked(fact));
  const parked = places.filter(({ fact }) => isParked(fact));
  const shown = [...running, ...parked].slice(0, MOST_VCPUS);
  const words = shown.map(({ fact }) => describe(fact, stacks.of(fact.vcpu)));
  const rest = places.length - shown.length;
  if (rest > 0) words.push(`and ${rest} more`);
  return { text: ` (${words.join('; ')})`, evidence: [...places, ...stacks.evidence] };
}

function isParked({ halted, interruptsOn }: LastPlace): boolean {
  return halted && !interruptsOn;
}

/** `vCPU 0 in spin_here+0x5 < native_machine_crash_shutdown`, `vCPU 1 halted with interrupts off in firmware`. */
function describe(place: LastPlace, functions: readonly string[]): string {
  const [, name] = /^(.*)\/0x[\da-f]+$/.exec(place.where ?? '') ?? [];
  const code =
    name === undefined
      ? `${place.place} at 0x${place.rip}`
      : [name, ...functions.slice(1, MOST_FRAMES)].join(' < ');
  const state = place.halted ? ` halted with interrupts ${place.interruptsOn ? 'on' : 'off'}` : '';
  const kernel = name !== undefined && place.place === 'capture-kernel' ? ' of the capture kernel' : '';
  const seen = place.seen === undefined ? '' : ' (in its last sample)';
  return escapeGuestText(`vCPU ${place.vcpu}${state} in ${code}${kernel}${seen}`, MOST_BYTES);
}
