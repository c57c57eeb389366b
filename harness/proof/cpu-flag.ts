import { z } from 'zod';
import type { VcpuRegisters } from '../hmp/registers.js';
import { roleSchema } from './names.js';
import { type Rule, ruled } from './proof.js';
import type { MachineWitness } from './witness.js';

/** EFER.SVME: SVM is enabled (AMD64 Architecture Programmer's Manual volume 2, 3.1.7). */
const EFER_SVME = 1n << 12n;
/** CR4.VMXE: VMX is enabled (Intel SDM volume 3, 2.5). */
const CR4_VMXE = 1n << 13n;

/** Longest excerpt of what was seen, characters. */
const SEEN_CHARACTERS = 200;

const svme = { svme: z.boolean() };
const vmxe = { vmxe: z.boolean() };
const EveryVcpuSchema = z.strictObject({
  everyVcpu: z.union([z.strictObject(svme), z.strictObject(vmxe)]),
});
const RoleSchema = z.union([
  z.strictObject({ role: roleSchema, ...svme }),
  z.strictObject({ role: roleSchema, ...vmxe }),
]);

type Flag = { readonly svme: boolean } | { readonly vmxe: boolean };
type Asked = { readonly everyVcpu: Flag } | (Flag & { readonly role: string });

/** The registers of the vCPUs in question; a vCPU whose registers are incomplete is left out. */
interface Answer {
  readonly vcpus: readonly VcpuRegisters[];
  /** How many vCPUs there should be, and what a proof saw when there is none. */
  readonly expected: number;
  readonly none: string;
}

const rule: Rule<Asked, Answer, MachineWitness> = {
  what(asked) {
    const flag = flagOf(asked);
    const [register, on] = 'svme' in flag ? ['EFER.SVME', flag.svme] : ['CR4.VMXE', flag.vmxe];
    return `${'everyVcpu' in asked ? 'every vCPU' : asked.role} has ${register} = ${on ? 1 : 0}`;
  },
  async ask(asked, witness) {
    const all = (await witness.registers()).filter(
      ({ cr4, efer }) => cr4 !== undefined && efer !== undefined,
    );
    if ('everyVcpu' in asked) return { vcpus: all, expected: witness.cpus, none: 'no vCPU is shown' };
    const vcpu = witness.vcpuOf(asked);
    return { vcpus: all.filter(({ index }) => index === vcpu), expected: 1, none: `cpu${vcpu} is not shown` };
  },
  judge(asked, { vcpus, expected, none }) {
    const flag = flagOf(asked);
    const looks = vcpus.map(({ index, cr4 = 0n, efer = 0n }) =>
      'svme' in flag
        ? { holds: ((efer & EFER_SVME) !== 0n) === flag.svme, saw: `cpu${index} EFER=0x${efer.toString(16)}` }
        : { holds: ((cr4 & CR4_VMXE) !== 0n) === flag.vmxe, saw: `cpu${index} CR4=0x${cr4.toString(16)}` },
    );
    return {
      proved: looks.length === expected && looks.every(({ holds }) => holds),
      saw: (looks.map(({ saw }) => saw).join('; ') || none).slice(0, SEEN_CHARACTERS),
    };
  },
};

/** `everyVcpu: { svme: true }` or `role: crasher, svme: true`: a bit of the control registers; `vmxe` likewise. */
export const cpuFlag = {
  name: 'svme, vmxe',
  beforeFiring: ruled(EveryVcpuSchema, rule),
  choreography: ruled(RoleSchema, rule),
};

function flagOf(asked: Asked): Flag {
  return 'everyVcpu' in asked ? asked.everyVcpu : asked;
}
