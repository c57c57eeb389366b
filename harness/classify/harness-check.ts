import { escapeGuestText } from '../model/escape.js';
import type { RunEvent } from '../model/event.js';
import type { Check, Facts } from './facts.js';
import { factsOf, first, firstFact } from './phases.js';

/**
 * Did the harness or the host fail? Then the run shows nothing about the kernel. A complete proof of capture that came
 * before the fault stands: the nonce, and where the whole memory was asked for, the end of its reading.
 */
export const harnessCheck: Check = (facts) => {
  const { events } = facts;
  // What could not be undone afterwards does not change what was seen before.
  const fault = factsOf(events, 'harness-fault').find((event) => event.fact.afterRun !== true);
  const lost = firstFact(events, 'host-lost');
  const exit = factsOf(events, 'qemu-exit').find((event) => !event.fact.asked);
  // SIGTERM makes QEMU send SHUTDOWN before it exits (qapi/run-state.json: guest is false); the run ends there, so that
  // the recorded exit may look like one that crashpath requested.
  const stopped = first(events, 'shutdown', (event) => !event.byGuest);
  const interrupted = firstFact(events, 'interrupted');
  const ended = firstFact(events, 'ended');
  const cause = [interrupted, lost, exit, stopped, fault].find((event) => event !== undefined);
  if (cause === undefined && ended !== undefined) return undefined;
  const proof = completeProof(facts);
  if (proof !== undefined && proof.atMs <= (cause?.atMs ?? Number.POSITIVE_INFINITY)) return undefined;
  const read =
    facts.verified === undefined
      ? ''
      : ', after the capture kernel had read the nonce, before all of /proc/vmcore was read';
  const base = { word: 'harness-error', evidence: [facts.verified, cause] } as const;
  if (interrupted !== undefined) {
    return {
      ...base,
      detail: 'interrupted',
      explanation: `the run was stopped by ${interrupted.fact.by} before it could be judged${read}`,
    };
  }
  if (lost !== undefined) {
    const { host, why } = lost.fact;
    const explanation = `host ${escapeGuestText(host, 100)} was lost during the run: ${escapeGuestText(why, 300)}${read}`;
    return { ...base, detail: 'host-lost', explanation };
  }
  if (exit !== undefined || stopped !== undefined) {
    const how = exit?.fact.signal ?? stopped?.reason ?? `exit status ${exit?.fact.code}`;
    return {
      ...base,
      detail: 'qemu-died',
      explanation: `QEMU ended by itself or was killed (${escapeGuestText(how, 64)})${lastWords(exit?.fact)}${read}`,
    };
  }
  if (fault !== undefined) return { ...base, detail: 'harness-fault', explanation: fault.fact.message };
  return {
    ...base,
    detail: 'unfinished-recording',
    explanation: 'the recording has no end: crashpath was killed or the disk filled up during the run',
  };
};

/** What completes the proof of capture; pattern pages are written when the whole memory is to be read. */
function completeProof({ events, verified, armed }: Facts): RunEvent | undefined {
  if (verified === undefined || armed?.armed.patterns === undefined) return verified;
  return first(events, 'vmcore-read') ?? first(events, 'vmcore-reader') ?? first(events, 'capture-done');
}

/** The last line that QEMU printed on stderr when it gave up by itself: why it could not start, for example. */
function lastWords(exit: { readonly code: number | null; readonly stderr: string } | undefined): string {
  if (exit === undefined || exit.code === null || exit.code === 0) return '';
  const line = exit.stderr.trim().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '' : `: ${escapeGuestText(line, 300)}`;
}
