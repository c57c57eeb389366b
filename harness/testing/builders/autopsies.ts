import type { Autopsy, AutopsyFrame, AutopsyVcpu } from '../../model/autopsy.js';

/** A reliable frame of a function. */
export function madeFrame(name: string, changes: Partial<AutopsyFrame> = {}): AutopsyFrame {
  return {
    address: 'ffffffff81000000',
    label: `${name}+0x10/0x40`,
    function: name,
    source: 'orc',
    reliable: true,
    interrupted: false,
    ...changes,
  };
}

/** A vCPU that runs in the first kernel, with this stack. */
export function madeAutopsyVcpu(
  vcpu: number,
  frames: AutopsyFrame[],
  changes: Partial<AutopsyVcpu> = {},
): AutopsyVcpu {
  return {
    vcpu,
    state: 'running',
    interruptsOn: false,
    place: 'first-kernel',
    registers: { rip: 'ffffffff81000000' },
    frames,
    complete: true,
    ended: 'end-of-stack',
    ...changes,
  };
}

/** An autopsy that found nothing. */
export function madeAutopsy(changes: Partial<Autopsy> = {}): Autopsy {
  return {
    version: 1,
    kernels: [],
    vcpus: [],
    waits: [],
    interrupts: [],
    findings: [],
    unknown: [],
    ...changes,
  };
}
