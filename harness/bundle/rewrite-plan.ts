import type { Kernel } from '../model/kernel.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { MemberName } from './form.js';
import type { Redactor } from './host-names.js';

/** Specs that mean the same kernel on any host: a package of Debian, or a build of a variant that crashpath ships. */
const PORTABLE =
  /^(?:debian:(?:[a-z][a-z0-9-]*\/)?\d[\w.+~-]*|build:(?:[a-z][a-z0-9-]*\/)?\d[\w.+~-]*\/[a-z][a-z0-9-]*)$/;

/** What {@link bundledPlan} needs beside the plan. */
export interface PlanRewriting {
  readonly redactor: Redactor;
  /** The exact spec of a kernel that is in the sender's cache. */
  readonly exactSpec: (kernel: Pick<Kernel, 'sha256'>) => string | undefined;
}

/**
 * A plan without its host: kernels and image are members of the bundle, kernels from files are named by their release,
 * the campaign and the reason for the accelerator are left out. Deadlines, command lines and scenario stay, so that the
 * recording gets the same verdict. Pure.
 */
export function bundledPlan(plan: RunPlan, rewriting: PlanRewriting): RunPlan {
  const { redactor } = rewriting;
  const { cell, kernel, captureKernel, accel, qemu, scenario } = plan;
  const same = kernel.sha256 === captureKernel.sha256;
  // Field by field: what is added to plans later is not packed by accident.
  return {
    schema: plan.schema,
    campaign: 'bundle',
    runId: plan.runId,
    trial: plan.trial,
    nonce: plan.nonce,
    scenario: withoutPaths(scenario),
    ...(cell === undefined ? {} : { cell }),
    kernel: bundledKernel(kernel, 'kernel/vmlinuz', rewriting),
    captureKernel: bundledKernel(
      captureKernel,
      same ? 'kernel/vmlinuz' : 'capture-kernel/vmlinuz',
      rewriting,
    ),
    ...(plan.repacked === undefined ? {} : { repacked: bundledRepacks(plan.repacked) }),
    accel: {
      accel: accel.accel,
      reason: 'The reason is left out of the bundle.',
      ...(accel.unproved === undefined ? {} : { unproved: "KVM was not proved on the sender's host" }),
    },
    machine: plan.machine,
    append: plan.append,
    captureAppend: plan.captureAppend,
    loadSyscall: plan.loadSyscall,
    modules: plan.modules,
    limits: plan.limits,
    timeoutScale: plan.timeoutScale,
    // A part of the machine that was recorded. A guest that a receiver makes of it has none.
    ...(plan.keepVmcore === undefined ? {} : { keepVmcore: plan.keepVmcore }),
    qemu: {
      binary: 'qemu-system-x86_64',
      version: redactor.hostText(qemu.version),
      args: bundledArguments(qemu.args, redactor),
    },
  };
}

function bundledKernel(
  { spec, release, label, sha256, bits }: RunPlan['kernel'],
  member: MemberName,
  { exactSpec }: PlanRewriting,
): RunPlan['kernel'] {
  const exact = exactSpec({ sha256 }) ?? spec;
  const common = { spec: PORTABLE.test(exact) ? exact : release, release, label, sha256, bzImage: member };
  return bits === undefined ? common : { ...common, bits };
}

/** Repacked kernels are not packed: they are made again of the kernels. */
function bundledRepacks({ first, capture }: NonNullable<RunPlan['repacked']>): RunPlan['repacked'] {
  return {
    ...(first === undefined ? {} : { first: { ...first, bzImage: '' } }),
    ...(capture === undefined ? {} : { capture: { ...capture, bzImage: '' } }),
  };
}

/** The machine is in the plan itself; a profile of the sender's own has a path there. */
function withoutPaths(scenario: RunPlan['scenario']): RunPlan['scenario'] {
  const { profile, ...guest } = scenario.guest;
  const named = [profile ?? []].flat().filter((name) => !/[/.]/.test(name));
  return { ...scenario, guest: named.length === 0 ? guest : { ...guest, profile: named } };
}

function bundledArguments(args: readonly string[], redactor: Redactor): string[] {
  const members: Readonly<Record<string, MemberName>> = {
    '-kernel': 'kernel/vmlinuz',
    '-initrd': 'images/production.cpio',
  };
  return args.map((word, index) => members[args[index - 1] ?? ''] ?? redactor.hostText(word));
}
