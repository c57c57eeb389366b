import { GATE_BYTES, gateOffset } from '../hmp/idt-gate.js';
import { readRegisters } from '../hmp/registers.js';
import type { Armed } from '../model/event.js';
import type { HostFact } from '../model/record.js';
import { readVcpus } from '../timeline/vcpus.js';

type ResetCause = Extract<HostFact, { fact: 'reset-cause' }>;

const NMI_VECTOR = 2;
/** CR4.LA57: five levels of page tables (Intel SDM volume 3, 2.5). */
const CR4_LA57 = 1n << 12n;

/** A machine that has shut down. */
export interface Shutdown {
  /** QEMU's reason (qapi/run-state.json, ShutdownCause). */
  readonly reason: string;
  /** The machine's own log of the reset. */
  readonly kind: 'triple fault' | 'other reset' | undefined;
  readonly accel: 'kvm' | 'tcg';
  /** The text of HMP `info registers -a` afterwards. */
  readonly registersText: string;
  readonly armed: Armed | undefined;
  /** The capture kernel is the image of the first kernel: it can do what that one did. */
  readonly sameImage: boolean;
}

/**
 * Why the machine reset or powered off. After a triple fault the vCPU that caused it is named when the registers leave
 * only one: the one whose IDT holds no gate for an NMI, or who runs outside of both kernels. Pure.
 */
export function resetCause(shutdown: Shutdown): ResetCause | undefined {
  const { reason, kind, accel } = shutdown;
  if (reason === 'guest-shutdown') {
    return { fact: 'reset-cause', cause: 'power-off', saw: 'the guest powered the machine off' };
  }
  if (kind === 'triple fault') {
    const suspects = suspectsOf(shutdown);
    const [only] = suspects;
    const vcpu = suspects.length === 1 ? only?.index : undefined;
    const who = suspects.map(({ index, what }) => `vCPU ${index} ${what}`).join(', ');
    const saw = `a triple fault${vcpu === undefined ? '' : ` of vCPU ${vcpu}`}${who === '' ? '' : ` (${who})`}`;
    return { fact: 'reset-cause', cause: 'triple-fault', ...(vcpu === undefined ? {} : { vcpu }), saw };
  }
  if (kind === 'other reset') {
    const saw = 'no triple fault: the guest requested the reset (keyboard controller, ACPI or port 0xcf9)';
    return { fact: 'reset-cause', cause: 'other-reset', saw };
  }
  if (accel !== 'kvm') return undefined;
  const saw = 'a triple fault or a requested reset: under KVM the log does not tell them apart';
  return { fact: 'reset-cause', cause: 'other-reset', saw };
}

/**
 * vCPUs on which the next exception or NMI ends in a triple fault. The crashed kernel leaves five-level paging on
 * (arch/x86/kernel/relocate_kernel_64.S, v6.1): another kernel may not expect that.
 */
function suspectsOf({ registersText, armed, sameImage }: Shutdown): { index: number; what: string }[] {
  const places = new Map(readVcpus(registersText, armed).map((vcpu) => [vcpu.index, vcpu]));
  return readRegisters(registersText).flatMap(({ index, idt, cr4 = 0n }) => {
    const vcpu = places.get(index);
    if (vcpu === undefined) return [];
    const noGate = idt !== undefined && idt.limit < gateOffset(NMI_VECTOR) + GATE_BYTES - 1;
    const between = ['jump', 'purgatory', 'capture-start'].includes(vcpu.place);
    if (!noGate && !between) return [];
    const fiveLevels = !sameImage && (cr4 & CR4_LA57) !== 0n && vcpu.place !== 'first-kernel';
    const levels = fiveLevels ? ', CR4.LA57=1: the first kernel left five-level paging on' : '';
    const gates = noGate ? ' with an empty IDT' : '';
    return [{ index, what: `in ${vcpu.place} at 0x${vcpu.rip}${gates}${levels}` }];
  });
}
