import { escapeGuestText } from '../model/escape.js';
import { wordsOf } from '../plan/command-line.js';
import { withoutStamp } from '../timeline/printk.js';
import { panicReason, starvedPanic } from './capture-panic-check.js';
import { hostBusyAt } from './host-busy.js';
import type { Check } from './facts.js';
import { flooded, unfinishedOf } from './unfinished-check.js';
import { first, firstFact, unprovedProofs } from './phases.js';

/** Did the first kernel boot at all? */
export const bootCheck: Check = (facts) => {
  const { events, hello, plan } = facts;
  // Before the hello, the only unproved proof is a missing ability of the machine: that is no failed boot.
  if (hello !== undefined || unprovedProofs(events).length > 0) return undefined;
  const base = { word: 'boot-failed' } as const;
  const panic = first(events, 'panic');
  const cause = first(events, 'signature', ({ name }) => CAUSES.has(name));
  if (panic !== undefined) {
    const reason = panicReason(panic.message);
    const busy = reason === undefined ? undefined : hostBusyAt(facts, reason, panic);
    if (busy !== undefined) return starvedPanic('the first kernel', panic, busy);
    return {
      ...base,
      detail: 'panic-during-boot',
      explanation: `the first kernel panicked before its init reported: ${escapeGuestText(panic.message)}${cause === undefined ? '' : `; before that: ${withoutStamp(escapeGuestText(cause.text))}`}${remedyFor(`${panic.message} ${cause?.name}`, plan.append)}`,
      evidence: [cause, panic, first(events, 'shutdown')],
    };
  }
  const shutdown = first(events, 'shutdown');
  if (shutdown !== undefined) {
    return {
      ...base,
      detail: 'reset-during-boot',
      explanation: 'the guest reset or powered off before its init reported',
      evidence: [shutdown],
    };
  }
  const flood = firstFact(events, 'channel-limit');
  if (flood !== undefined) return flooded(flood, []);
  const banner = first(events, 'kernel-banner');
  const unfinished = unfinishedOf(facts);
  if (unfinished !== undefined) {
    const starved = unfinished.detail === 'host-starved';
    return {
      word: 'cannot-tell',
      detail: starved ? 'host-starved' : 'still-booting',
      explanation: `the first kernel had no time to boot: ${unfinished.how}; ${starved ? 'run again with less beside it, or with' : 'give it more with'} --timeout-scale`,
      evidence: [banner, ...unfinished.evidence],
    };
  }
  return {
    ...base,
    detail: banner === undefined ? 'boot-silent' : 'boot-deadline',
    explanation:
      banner === undefined
        ? 'no kernel banner on the console and no report from init before the deadline; is there a console=ttyS0 on its command line, and memory enough (--memory)?'
        : 'the kernel started but its init did not report before the deadline; on a busy host give a bigger --timeout-scale',
    evidence: [banner, firstFact(events, 'deadline')],
  };
};

/** Console lines that tell why a kernel found no init. */
const CAUSES = new Set(['initramfs-not-unpacked', 'init-not-found']);

/** What the user can do about a panic of the boot, where that is known. */
function remedyFor(text: string, append: string): string {
  const own = wordsOf(append).filter((word) => /^(rd)?init=|^noinitrd$/.test(word));
  if (own.length > 0 && /init-not-found|No working init|Requested init|Unable to mount root fs/.test(text)) {
    return `; leave ${own.join(' ')} out: crashpath's init is /init of the image`;
  }
  if (/initramfs-not-unpacked|out of memory|System is deadlocked|Out of memory/i.test(text)) {
    return '; give the guest more --memory, or a smaller --crashkernel';
  }
  if (/Unable to mount root fs/.test(text)) {
    return '; the kernel unpacked no initramfs (CONFIG_BLK_DEV_INITRD, noinitrd, too little --memory)';
  }
  return '';
}
