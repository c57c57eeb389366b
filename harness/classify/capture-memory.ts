import type { EventOf, RunEvent, VmcoreRead } from '../model/event.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { OpenCondition } from '../model/verdict.js';
import { PAGE_BYTES, patternSum } from '../timeline/chunk-sums.js';
import { type Aspect, degraded, open } from './aspect.js';
import type { Facts, Finding } from './facts.js';
import { type FactEvent, first, firstFact } from './phases.js';
import { stoppedCpus } from './stopped-cpus.js';

/**
 * Exit statuses of a shell whose program cannot be executed (a 32-bit kernel), or is not there. busybox takes a program
 * that the kernel refuses for a script, and its first line for a syntax error: 2, measured with 1.35 on 6.1-686-pae. The
 * program itself ends with 0 or 1.
 */
const NOT_EXECUTED: ReadonlySet<number> = new Set([2, 126, 127]);

/** Pages in which KVM's clock, stolen time, end of interrupt and page faults of one vCPU lie. */
const PAGES_OF_KVM = 4;

/** What a run shows about the memory behind /proc/vmcore. */
interface Memory {
  readonly end: EventOf<'vmcore-read'> | undefined;
  readonly compared: FactEvent<'memory-compared'> | undefined;
  readonly reader: EventOf<'vmcore-reader'> | undefined;
  /** How many pattern pages the first kernel wrote, and what is known of those found. */
  readonly patterns:
    | { readonly written: number; readonly found: number; readonly right: boolean }
    | undefined;
}

function memoryOf({ events, plan, armed }: Facts): Memory {
  const end = first(events, 'vmcore-read');
  const written = armed?.armed.patterns;
  return {
    end,
    compared: firstFact(events, 'memory-compared'),
    reader: first(events, 'vmcore-reader'),
    patterns:
      end === undefined || written === undefined ? undefined : patternsOf(end.read, { written, plan }),
  };
}

function patternsOf(
  { patterns, patternSum: sum }: VmcoreRead,
  { written, plan }: { written: number; plan: RunPlan },
): Memory['patterns'] {
  return { written, found: patterns.length, right: sum === patternSum(plan.nonce, patterns) };
}

/**
 * The capture kernel proved itself, and most of the crashed memory is not behind /proc/vmcore: more than half of the
 * pages that hold data are missing or differ, or none of the pattern pages is there.
 */
export function memoryGone(facts: Facts): Finding | undefined {
  const { end, compared, patterns } = memoryOf(facts);
  if (end === undefined) return undefined;
  const { unreadablePages, sizeBytes } = end.read;
  const gone = (detail: string, explanation: string): Finding => ({
    word: 'capture-no-vmcore',
    detail,
    explanation,
    evidence: [facts.verified, end, compared],
  });
  if (unreadablePages * 2 * PAGE_BYTES > sizeBytes) {
    return gone('vmcore-unreadable', `${unreadablePages} pages of /proc/vmcore could not be read`);
  }
  if (compared !== undefined && compared.fact.pagesMissing * 2 > compared.fact.dataPages) {
    const { pagesMissing, dataPages } = compared.fact;
    return unreadablePages * 2 > pagesMissing
      ? gone('vmcore-unreadable', `${pagesMissing} of ${dataPages} pages with data could not be read`)
      : gone('vmcore-zeros', `${pagesMissing} of ${dataPages} pages with data are zero in /proc/vmcore`);
  }
  if (compared !== undefined && (compared.fact.pagesChanged ?? 0) * 2 > compared.fact.dataPages) {
    const { pagesChanged, dataPages } = compared.fact;
    return gone(
      'vmcore-overwritten',
      `${pagesChanged} pages were overwritten after the jump, ${dataPages} hold data`,
    );
  }
  if (compared !== undefined && compared.fact.differing * 2 > compared.fact.compared) {
    const { differing, compared: chunks } = compared.fact;
    return gone(
      'vmcore-differs',
      `${differing} of ${chunks} chunks of /proc/vmcore are not what memory holds`,
    );
  }
  if (patterns !== undefined && patterns.found === 0) {
    return gone('patterns-missing', `none of the ${patterns.written} pattern pages is in /proc/vmcore`);
  }
  return undefined;
}

/** Was /proc/vmcore read to its last byte, and is it the memory of the crashed kernel? */
export function wholeMemory(facts: Facts): Aspect {
  const { plan } = facts;
  const { end, compared, reader, patterns } = memoryOf(facts);
  if (end === undefined) {
    const failed = reader !== undefined && !NOT_EXECUTED.has(reader.status);
    return failed ? degraded('vmcore-read-failed', reader) : open('vmcore-whole');
  }
  const degradedBy: [string, RunEvent][] = [];
  const undecided: OpenCondition[] = [];
  if (end.read.mapped?.unread !== undefined) undecided.push('vmcore-page-reads');
  if (end.read.unreadablePages > 0) degradedBy.push(['vmcore-unreadable', end]);
  if (compared === undefined) undecided.push('vmcore-compared');
  else {
    const { pagesMissing, differing, notesDiffer, addressesDiffer } = compared.fact;
    if (notesDiffer === true) degradedBy.push(['vmcore-notes-differ', compared]);
    if (addressesDiffer !== undefined && addressesDiffer > 0)
      degradedBy.push(['vmcore-headers-differ', compared]);
    if (pagesMissing > 0) degradedBy.push(['vmcore-incomplete', compared]);
    else if (differing > 0 && plan.scenario.guest.nic === undefined)
      degradedBy.push(['vmcore-differs', compared]);
    // The card goes on writing received frames into the crashed kernel's buffers.
    else if (differing > 0) undecided.push('vmcore-compared');
    const kept = isKept(facts, compared.fact.pagesChanged);
    if (kept === undefined) undecided.push('vmcore-unchanged');
    else if (!kept) degradedBy.push(['vmcore-overwritten', compared]);
  }
  // What was read is right, so what was mapped is not: programs that dump map it.
  if (end.read.mapped?.unlikeAt !== undefined && degradedBy.length === 0) {
    if (plan.scenario.guest.nic === undefined) degradedBy.push(['vmcore-differs', end]);
    else if (!undecided.includes('vmcore-compared')) undecided.push('vmcore-compared');
  }
  if (patterns !== undefined && (patterns.found < patterns.written || !patterns.right)) {
    degradedBy.push(['patterns-missing', end]);
  }
  return { degradedBy, undecided };
}

/**
 * Whether the memory still holds what it held at the jump; undefined: that is not known, or others than the capture
 * kernel may have written to it. These are a network card, a vCPU that was stopped late, and under KVM the host: it
 * keeps the clock and the stolen time of each vCPU in pages that the crashed kernel has named (arch/x86/kvm/x86.c, v6.1).
 */
function isKept(facts: Facts, pagesChanged: number | undefined): boolean | undefined {
  const { events, plan } = facts;
  if (pagesChanged === undefined) return undefined;
  // The capture kernel ran already when the memory was summed.
  if (pagesChanged === 0)
    return firstFact(events, 'memory-at-jump')?.fact.place === 'capture-kernel' ? undefined : true;
  if (plan.scenario.guest.nic !== undefined || stoppedCpus(facts).undecided.length > 0) return undefined;
  const byHost = plan.accel.accel === 'kvm' ? PAGES_OF_KVM * plan.machine.cpus : 0;
  return pagesChanged <= byHost ? undefined : false;
}

/** What shows that the whole memory was read: evidence of every capture. */
export function memoryEvidence(facts: Facts): (RunEvent | undefined)[] {
  const { end, compared } = memoryOf(facts);
  return [end, compared];
}
