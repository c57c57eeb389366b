import { type Autopsy, stackNames } from '../model/autopsy.js';
import type { EventOf, Progress, RunEvent, VmcoreRead } from '../model/event.js';
import type { Evidence } from '../model/verdict.js';
import { escapeGuestText } from '../model/escape.js';
import type { HostFact } from '../model/record.js';
import { timerCounts } from '../timeline/timers.js';

/** Turns an event into a reference that a reader can follow; guest text in it is escaped and short. */
export function evidenceOf(event: RunEvent): Evidence {
  const what = event.type === 'host' ? event.fact.fact : event.type;
  const shared = { atMs: event.atMs, what, excerpt: excerptOf(event) };
  return 'offset' in event.at
    ? { source: event.at.source, offset: event.at.offset, length: event.at.length, ...shared }
    : { source: event.at.source, line: event.at.line, ...shared };
}

function excerptOf(event: RunEvent): string {
  switch (event.type) {
    case 'kernel-banner':
      return escapeGuestText(`Linux version ${event.release}`);
    case 'panic':
      return escapeGuestText(`Kernel panic - not syncing: ${event.message}`);
    case 'oops':
      return escapeGuestText(event.message);
    case 'signature':
      return `${event.name}: ${escapeGuestText(event.text)}`;
    case 'stale-int3':
      return escapeGuestText(`int3 without an int3 in ${event.function}`);
    case 'report-frame':
      return escapeGuestText(event.function);
    case 'lkdtm-hit':
      return escapeGuestText(`${event.point} ${event.crashType}, ${event.roundsLeft} rounds left`);
    case 'armed': {
      const { armed } = event;
      const ranges = armed.ranges.map(({ first, last }) => `${first.toString(16)}-${last.toString(16)}`);
      const range = ranges.length === 0 ? 'none' : ranges.join(',');
      const errors = armed.errors.length === 0 ? '' : `; ${escapeGuestText(armed.errors.join(' | '))}`;
      const last = armed.kernelLog?.at(-1);
      const log = last === undefined ? '' : `; kernel log: ${escapeGuestText(last)}`;
      return `loaded=${armed.loaded ? 1 : 0} size=${armed.crashSize} range=${range}${errors}${log}`;
    }
    case 'hello':
    case 'capture-hello':
      return escapeGuestText(event.release);
    case 'vmcore': {
      const { vmcore } = event;
      return escapeGuestText(
        `nodename=${vmcore.nodename ?? 'unreadable'} prstatus=${vmcore.prstatusNotes} ` +
          `vmcoreinfo=${vmcore.hasVmcoreinfo ? 'yes' : 'no'} release=${vmcore.crashedRelease ?? 'unknown'} ` +
          `size=${vmcore.sizeBytes}`,
      );
    }
    case 'vmcore-missing':
    case 'control-noise':
      return escapeGuestText(event.why);
    case 'exercise': {
      const { device, interrupts, received } = event.exercise;
      if (device === '') return 'no such device';
      return escapeGuestText(`${device}: ${interrupts} interrupts, ${received} ${receivedWords(device)}`);
    }
    case 'folded':
      return `${event.count} more of "${event.what}" are not listed`;
    case 'shutdown':
      return escapeGuestText(`reason=${event.reason} guest=${event.byGuest}`);
    case 'cpu-not-stopped': {
      const { index, place, rip, halted, interruptsOn, samples, forMs } = event.cpu;
      const state = `hlt=${halted ? 1 : 0} if=${interruptsOn ? 1 : 0}`;
      return `cpu${index} ${place} rip=${rip} ${state} in ${samples} samples over ${Math.round(forMs)} ms`;
    }
    case 'cpus-unwatched':
      return `${event.samples} samples of the vCPUs over ${Math.round(event.forMs)} ms beside the capture kernel`;
    case 'vmcore-chunks':
      return `${event.chunks.length} chunks from ${event.first}`;
    case 'vmcore-read': {
      const { sizeBytes, unreadablePages, firstUnreadable, patterns, mapped } = event.read;
      const failed =
        firstUnreadable === undefined
          ? ''
          : `, the first at 0x${firstUnreadable.offset.toString(16)} (errno ${firstUnreadable.errno})`;
      return `${sizeBytes} bytes read, ${unreadablePages} pages unreadable${failed}; ${patterns.length} pattern pages${mappedText(mapped)}`;
    }
    case 'vmcore-reader':
      return `exit status ${event.status}`;
    case 'dump':
      return `exit status ${event.status}, level ${event.level} ${event.said}`.trim();
    case 'cpus-parked':
      return `${event.parked} vCPUs halted with interrupts off`;
    case 'jumped':
      return `${event.place} rip=${event.rip}`;
    case 'suspected-hang':
    case 'hang':
      return event.vcpus
        .map(
          (vcpu) =>
            `cpu${vcpu.index} rip=${vcpu.rip} hlt=${vcpu.halted ? 1 : 0} if=${vcpu.interruptsOn ? 1 : 0}`,
        )
        .join('; ');
    case 'progress':
      return progressText(event.progress);
    case 'reply':
      return `id=${event.id} status=${event.status}`;
    case 'host':
      if (event.fact.fact === 'stack')
        return escapeGuestText(`cpu${event.fact.vcpu}: ${event.fact.line}`, 1000);
      if (event.fact.fact === 'autopsy') return escapeGuestText(autopsyEvidence(event.fact.autopsy), 4000);
      if (event.fact.fact === 'called') return escapeGuestText(calledText(event.fact), 1000);
      if (event.fact.fact === 'examination') return escapeGuestText(examinationText(event.fact), 4000);
      return escapeGuestText(JSON.stringify(event.fact), 400);
    case 'capture-command-line':
    case 'reboot-command-line':
    case 'panic-ended':
    case 'reboot-announced':
    case 'firing':
    case 'suspended':
    case 'woken':
      return event.type;
    case 'capture-done':
      return event.taint === undefined ? event.type : `${event.type}, taint ${event.taint}`;
    case 'capture-facts':
      return escapeGuestText(captureFactsText(event), 300);
  }
}

/** What it found, and each stack. */
function autopsyEvidence({ findings, vcpus }: Autopsy): string {
  const stacks = vcpus.flatMap((vcpu) =>
    vcpu.frames.length === 0 ? [] : [`cpu${vcpu.vcpu}: ${stackNames(vcpu).join(' < ')}`],
  );
  return [...findings, ...stacks].join(' | ');
}

/** `_raw_spin_trylock(ioapic_lock+0x0/0x8) on vCPU 1 returned 0x1`. */
function calledText({ function: name, args, names = args, vcpu, returned }: Called): string {
  const on = vcpu === undefined ? '' : ` on vCPU ${vcpu}`;
  return `${name}(${names.join(', ')})${on} returned ${returned}`;
}

type Called = Extract<HostFact, { fact: 'called' }>;
type Examination = Extract<HostFact, { fact: 'examination' }>;

/** The whole argument: what was found, and what was seen of each vCPU. */
function examinationText({ finding, why, vcpus, tookMs }: Examination): string {
  const each = vcpus.map(({ vcpu, state, where, rip, saw }) =>
    [`cpu${vcpu} ${state} at ${where ?? rip}`, ...saw].join('; '),
  );
  return [`${finding}: ${why} (${tookMs} ms)`, ...each].join(' | ');
}

/** Disks have names of their own, and cards never these (images/init/exercise.sh). */
function receivedWords(device: string): string {
  return /^(?:vd|sd|nvme)/.test(device) ? 'blocks of 64 KiB read' : 'frames received';
}

/** `clocksource=tsc clockevent=lapic LOC=536 IRQ0=154 (IO-APIC 2-edge) cpus=1`: the capture kernel's timers and CPUs. */
function captureFactsText({ timers, interrupts, cpus, hardware }: EventOf<'capture-facts'>): string {
  const { local, irq0, irq0Chip } = timerCounts(interrupts);
  const known = (value: string | number | undefined) => (value === undefined || value === '' ? '?' : value);
  return [
    `clocksource=${known(timers?.clocksource)} clockevent=${known(timers?.clockevent)}`,
    timers?.broadcast ? ` broadcast=${timers.broadcast}` : '',
    ` LOC=${known(local)} IRQ0=${known(irq0)}`,
    irq0Chip === undefined ? '' : ` (${irq0Chip})`,
    cpus === undefined ? '' : ` cpus=${cpus}`,
    hardware === undefined
      ? ''
      : ` levels=${hardware.pagingLevels} efi=${hardware.efi ? 1 : 0} iommus=${hardware.iommus} nodes=${hardware.numaNodes}`,
  ].join('');
}

/** `own 91.2 s of 240.0 s, silent for 2.1 s, new code in 14 of 200 samples`: what the guest did last. */
function progressText({ ownMs, wallMs, silentMs, channel, samples, newCode, stuckVcpus }: Progress): string {
  const seconds = (ms: number) => (ms / 1000).toFixed(1);
  const said =
    silentMs === undefined ? 'never spoke' : `silent for ${seconds(silentMs)} s (${channel ?? 'console'})`;
  const stuck = stuckVcpus.length === 0 ? '' : `; interrupts off throughout on vCPU ${stuckVcpus.join(', ')}`;
  return (
    `own time ${seconds(ownMs)} s of ${seconds(wallMs)} s; ${said}; ` +
    `new code in ${newCode} of ${samples} samples${stuck}`
  );
}

function mappedText(mapped: VmcoreRead['mapped']): string {
  if (mapped === undefined) return '';
  const { pages, unread, errno, unlikeAt } = mapped;
  const until = errno === undefined ? '' : `, then mmap failed (errno ${errno})`;
  const unlike =
    unlikeAt === undefined
      ? ''
      : `, until a read failed or gave other bytes at 0x${unlikeAt.toString(16)} of the file`;
  const alone = unread === undefined ? '' : ' alone';
  return `; ${pages} pages by mmap${alone}${until}${unlike}`;
}
