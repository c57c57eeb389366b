/** A vCPU's control registers, as HMP `info registers -a` shows them (QEMU 7.2; the same under TCG and KVM). */
export interface ControlRegisters {
  readonly vcpu: number;
  readonly cr4: bigint;
  readonly efer: bigint;
}

/** A bit of a control register that a scenario may ask for. */
export type CpuFlag = 'svme' | 'vmxe';

/** EFER.SVME: SVM is enabled (AMD64 Architecture Programmer's Manual volume 2, 3.1.7). */
const EFER_SVME = 1n << 12n;
/** CR4.VMXE: VMX is enabled (Intel SDM volume 3, 2.5). */
const CR4_VMXE = 1n << 13n;

/** Reads the control registers of every vCPU out of whole `info registers -a` text; incomplete ones are left out. */
export function readControlRegisters(text: string): ControlRegisters[] {
  return text
    .split(/^CPU#/m)
    .slice(1)
    .flatMap((part) => {
      const vcpu = /^(\d{1,4})\s/.exec(part)?.[1];
      const cr4 = /\bCR4=([0-9a-f]{8,16})\b/.exec(part)?.[1];
      const efer = /^EFER=([0-9a-f]{16})\b/m.exec(part)?.[1];
      if (vcpu === undefined || cr4 === undefined || efer === undefined) return [];
      return [{ vcpu: Number(vcpu), cr4: BigInt(`0x${cr4}`), efer: BigInt(`0x${efer}`) }];
    });
}

/** Whether a vCPU has the flag, and what was seen: `cpu1 EFER=0x1d01`. */
export function lookAtFlag(
  { vcpu, cr4, efer }: ControlRegisters,
  flag: CpuFlag,
): { readonly on: boolean; readonly saw: string } {
  return flag === 'svme'
    ? { on: (efer & EFER_SVME) !== 0n, saw: `cpu${vcpu} EFER=0x${efer.toString(16)}` }
    : { on: (cr4 & CR4_VMXE) !== 0n, saw: `cpu${vcpu} CR4=0x${cr4.toString(16)}` };
}

/** The flag as people name it: `EFER.SVME = 1`. */
export function flagStatement(flag: CpuFlag, on: boolean): string {
  return `${flag === 'svme' ? 'EFER.SVME' : 'CR4.VMXE'} = ${on ? 1 : 0}`;
}

/** Whether every one of `cpus` vCPUs has the flag as wanted; a vCPU that is not in the text is not proved. */
export function everyVcpu(
  text: string,
  { flag, on, cpus }: { flag: CpuFlag; on: boolean; cpus: number },
): { readonly proved: boolean; readonly saw: string } {
  const looks = readControlRegisters(text).map((registers) => lookAtFlag(registers, flag));
  return {
    proved: looks.length === cpus && looks.every((look) => look.on === on),
    saw: looks.map(({ saw }) => saw).join('; ') || 'no vCPU is told',
  };
}
