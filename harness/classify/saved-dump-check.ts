import type { EventOf } from '../model/event.js';
import { escapeGuestText } from '../model/escape.js';
import type { Aspect } from './aspect.js';
import type { Check, Facts, Finding } from './facts.js';
import { type FactEvent, first, firstFact } from './phases.js';
import { stoppedCpus } from './stopped-cpus.js';

/** Conditions of a clean capture that only crashpath's own capture image shows. */
const NOT_SHOWN = [
  'cpu-notes',
  'vmcore-whole',
  'vmcore-page-reads',
  'vmcore-compared',
  'vmcore-unchanged',
] as const;

/**
 * Did the distribution leave a dump of this run, and was it opened? Its header and its log hold the nonce, which the crashed
 * kernel alone had, and makedumpfile read the log.
 */
export const savedDumpCheck: Check = (facts) => {
  const dump = openedDump(facts);
  if (dump === undefined) return undefined;
  const { path, opened, bytes } = dump.fact;
  const by = opened !== undefined && 'by' in opened ? opened.by : 'makedumpfile';
  const stopped: Aspect = stoppedCpus(facts);
  const reasons = [...stopped.degradedBy, ...reportedIn(facts)];
  const degradedBy = [...new Set(reasons.map(([name]) => name))];
  const text = `the distribution left the dump ${escapeGuestText(path ?? '', 300)} (${bytes} bytes) on its disk; it is whole, and ${by} read this run's nonce and the panic out of it`;
  return {
    word: 'captured',
    detail: degradedBy.length === 0 ? 'dump-opened' : 'dump-opened-degraded',
    explanation: degradedBy.length === 0 ? text : `${text}, but: ${degradedBy.join(', ')}`,
    evidence: [
      saved(facts),
      dump,
      firstFact(facts.events, 'vmcore-kept'),
      ...reasons.map(([, event]) => event),
    ],
    degradedBy,
    undecided: [...stopped.undecided, ...NOT_SHOWN],
  };
};

/** The dump of this run, which was opened; undefined when there is none. */
export function openedDump({
  events,
  plan,
}: Pick<Facts, 'events' | 'plan'>): FactEvent<'saved-dump'> | undefined {
  const dump = firstFact(events, 'saved-dump');
  if (plan.distribution === undefined || dump?.fact.state !== 'whole') return undefined;
  const { opened, nodename, release } = dump.fact;
  const isOpened = opened !== undefined && 'by' in opened && opened.nonce && opened.panic !== undefined;
  // An ELF core has no such names: the log alone tells there.
  const isNamed =
    nodename === undefined
      ? release === undefined
      : nodename === plan.nonce && release === plan.kernel.release;
  return isOpened && isNamed ? dump : undefined;
}

/** The distribution's capture kernel came up and ended its machine, and there is no dump of this run that can be opened. */
export const noSavedDumpCheck: Check = (facts) => {
  const { events, plan, captureEntered } = facts;
  const dump = firstFact(events, 'saved-dump');
  const end = first(events, 'shutdown');
  if (plan.distribution === undefined || dump === undefined || captureEntered === undefined) return undefined;
  // Without a word of its kdump service and without a file, the capture kernel may not have come that far.
  const began = servedBy(facts);
  if (end === undefined || (began === undefined && dump.fact.state === 'missing')) return undefined;
  const [word, detail, why] = whatIsWrong(dump.fact, plan);
  const claimed = first(events, 'signature', ({ name }) => name === 'dump-saved');
  const claim =
    claimed === undefined || word === 'cannot-tell' ? '' : '; its kdump service says that it was saved';
  const finding: Finding = {
    word,
    detail,
    explanation: `${why}${claim}`,
    evidence: [captureEntered, began, failure(facts), claimed, dump, end],
  };
  return finding;
};

function whatIsWrong(
  { state, why = '', path = '', nodename, release, opened }: FactEvent<'saved-dump'>['fact'],
  plan: Facts['plan'],
): [Finding['word'], string, string] {
  const file = escapeGuestText(path, 300);
  const reason = escapeGuestText(why, 400);
  if (state === 'unread')
    return [
      'cannot-tell',
      'dump-not-opened',
      `what the distribution left on its disk could not be read: ${reason}; run it again`,
    ];
  if (state === 'missing')
    return ['capture-no-vmcore', 'dump-missing', `the distribution left no dump on its disk: ${reason}`];
  if (state === 'unfinished')
    return ['capture-no-vmcore', 'dump-unfinished', `the distribution left only an unfinished dump, ${file}`];
  if (state === 'damaged')
    return ['capture-no-vmcore', 'dump-damaged', `the dump ${file} is no whole dump: ${reason}`];
  if (release !== undefined && release !== plan.kernel.release)
    return ['capture-no-vmcore', 'wrong-release', `the dump ${file} is of ${escapeGuestText(release, 64)}`];
  if (nodename !== undefined && nodename !== plan.nonce)
    return [
      'capture-no-vmcore',
      'nonce-mismatch',
      `the dump ${file} does not have this run's nonce as host name`,
    ];
  if (opened === undefined || 'failed' in opened)
    return [
      'cannot-tell',
      'dump-not-opened',
      `the dump ${file} is whole, and could not be opened: ${escapeGuestText(opened?.failed ?? 'nobody tried', 400)}; open it by hand`,
    ];
  return [
    'capture-no-vmcore',
    'nonce-mismatch',
    `the log in the dump ${file} has not this run's ${opened.nonce ? 'panic' : 'nonce'}`,
  ];
}

/** What the kdump service of the capture kernel said first. */
function servedBy({ events }: Pick<Facts, 'events'>): EventOf<'signature'> | undefined {
  return first(events, 'signature', ({ name }) => /^dump-(?:started|saved|failed|target-full)$/.test(name));
}

function failure({ events }: Pick<Facts, 'events'>): EventOf<'signature'> | undefined {
  return first(events, 'signature', ({ name }) => /^dump-(?:failed|target-full)$/.test(name));
}

function saved({ events }: Pick<Facts, 'events'>): EventOf<'signature'> | undefined {
  return first(events, 'signature', ({ name }) => name === 'dump-saved');
}

/** What the capture kernel's console reports against itself. */
function reportedIn({ events }: Pick<Facts, 'events'>): [string, EventOf<'signature' | 'oops' | 'panic'>][] {
  return events.flatMap((event): [string, EventOf<'signature' | 'oops' | 'panic'>][] => {
    if (event.type === 'signature' && event.degrades) return [[event.name, event]];
    const isFault = (event.type === 'oops' || event.type === 'panic') && event.side === 'capture';
    return isFault ? [[`${event.type}-in-capture`, event]] : [];
  });
}
