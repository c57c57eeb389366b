import { isBetweenKernels } from '../model/place.js';
import { GATE_BYTES, gateOffset } from '../hmp/idt-gate.js';
import { isAtReset, readRegisters } from '../hmp/registers.js';
import type { Armed, VcpuState } from '../model/event.js';
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
  /** The last sample before, as far as samples are kept. */
  readonly sampleBefore?: string | undefined;
  readonly armed: Armed | undefined;
  /** The capture kernel may be entered with five-level paging on. */
  readonly takesFiveLevels: boolean;
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
  const lost = reinitialised(shutdown);
  if (lost.length > 0) {
    const [only] = lost;
    const vcpu = lost.length === 1 ? only?.index : undefined;
    const who = lost
      .map(({ index, place, rip }) => `vCPU ${index}, last seen in ${place} at 0x${rip}`)
      .join(', ');
    const saw = `a triple fault: KVM has re-initialised ${who}`;
    return { fact: 'reset-cause', cause: 'triple-fault', ...(vcpu === undefined ? {} : { vcpu }), saw };
  }
  const saw = 'a triple fault or a requested reset: under KVM the log does not tell them apart';
  return { fact: 'reset-cause', cause: 'other-reset', saw };
}

/**
 * vCPUs that KVM has re-initialised, as the last sample before shows them. KVM on AMD does that after a triple fault
 * (arch/x86/kvm/svm/svm.c, shutdown_interception(), Linux 6.1); their registers are lost. On Intel they stay, and a reset
 * that the guest requests changes no vCPU, because QEMU pauses instead (`-action reboot=shutdown`). A capture kernel that
 * starts its CPUs sends INIT to the others: there only the first vCPU shows it.
 */
export function reinitialised({
  accel,
  registersText,
  sampleBefore,
  armed,
}: Pick<Shutdown, 'accel' | 'registersText' | 'sampleBefore' | 'armed'>): readonly VcpuState[] {
  if (accel !== 'kvm' || sampleBefore === undefined) return [];
  const atReset = new Set(
    readRegisters(registersText).flatMap((vcpu) => (isAtReset(vcpu) ? [vcpu.index] : [])),
  );
  const before = readVcpus(sampleBefore, armed);
  const inCapture = before.some(({ place }) => place === 'capture-kernel');
  return before.filter(
    ({ index, place }) => atReset.has(index) && place !== 'firmware' && (index === 0 || !inCapture),
  );
}

/**
 * vCPUs on which the next exception or NMI ends in a triple fault. The crashed kernel leaves five-level paging on
 * (arch/x86/kernel/relocate_kernel_64.S, v6.1): another kernel may not expect that.
 */
function suspectsOf({ registersText, armed, takesFiveLevels }: Shutdown): { index: number; what: string }[] {
  const places = new Map(readVcpus(registersText, armed).map((vcpu) => [vcpu.index, vcpu]));
  return readRegisters(registersText).flatMap(({ index, idt, cr4 = 0n }) => {
    const vcpu = places.get(index);
    if (vcpu === undefined) return [];
    const noGate = idt !== undefined && idt.limit < gateOffset(NMI_VECTOR) + GATE_BYTES - 1;
    const between = isBetweenKernels(vcpu.place);
    if (!noGate && !between) return [];
    const fiveLevels = !takesFiveLevels && (cr4 & CR4_LA57) !== 0n && vcpu.place !== 'first-kernel';
    const levels = fiveLevels ? ', CR4.LA57=1: the first kernel left five-level paging on' : '';
    const gates = noGate ? ' with an empty IDT' : '';
    return [{ index, what: `in ${vcpu.place} at 0x${vcpu.rip}${gates}${levels}` }];
  });
}
