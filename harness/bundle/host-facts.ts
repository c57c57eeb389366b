import { escapeGuestText, escapeHostText } from '../model/escape.js';
import type { HostFact, RunRecord } from '../model/record.js';
import type { Manifest } from '../image/manifest.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { BundleManifest } from './form.js';

/** One thing that a bundle says about the sender's host. */
export interface HostStatement {
  readonly what: string;
  readonly says: string;
}

/** The parts of a bundle that can say something. */
export interface BundleParts {
  readonly manifest: BundleManifest;
  readonly plan: RunPlan;
  readonly records: readonly RunRecord[];
  readonly consoleBytes: Buffer;
  readonly controlBytes: Buffer;
  /** Version strings of the kernels' headers, builder included; none without kernels. */
  readonly kernelVersions: readonly string[];
  readonly images: Manifest | undefined;
}

/** Lines of a guest's console that show its host: the CPU, its clocks, the firmware of its QEMU, the date (v6.1). */
const SHOWS_HOST = [
  ['CPU', /smpboot: CPU0: (.*)$/m],
  ['TSC', /tsc: (Detected .*)$/m],
  ['firmware', /DMI: (.*)$/m],
  ['date', /setting system clock to (.*)$/m],
  ['hypervisor', /Hypervisor detected: (.*)$/m],
] as const;

/** A hostile recording may repeat itself. */
const MOST_STATEMENTS = 500;
const MOST_CHARACTERS = 1000;

/**
 * Everything that a bundle says about the host that made it, from its contents alone: what its packer claims is not asked.
 * Text is escaped. Pure.
 */
export function hostFactsIn(parts: BundleParts): HostStatement[] {
  const { manifest, plan, records, images, kernelVersions } = parts;
  const facts = records.flatMap((record) => (record.kind === 'host' ? [record.record] : []));
  const console = parts.consoleBytes.toString('latin1');
  const statements = [
    { what: 'crashpath', says: manifest.crashpath },
    { what: 'QEMU', says: plan.qemu.version },
    { what: 'accelerator', says: accelText(plan) },
    { what: 'names the sender chose', says: chosenNames(plan) },
    ...kernelsText(plan),
    ...kernelVersions.map((says) => ({ what: "a kernel's version and builder", says })),
    ...programsIn(images),
    ...timesIn(records, facts),
    ...facts.flatMap((fact) =>
      fact.fact === 'qemu-exit' && fact.stderr.trim() !== ''
        ? [{ what: "QEMU's messages", says: fact.stderr }]
        : [],
    ),
    ...facts.flatMap((fact) =>
      fact.fact === 'harness-fault' ? [{ what: 'a failure of crashpath', says: fact.message }] : [],
    ),
    ...SHOWS_HOST.flatMap(([what, pattern]) => {
      const [, says] = pattern.exec(console) ?? [];
      return says === undefined ? [] : [{ what: `${what}, as the guest printed it`, says: guest(says) }];
    }),
    ...crashTimesIn(parts.controlBytes),
    ...manifest.remaining.map(({ member, what, times }) => ({
      what: `${what}, ${times} times`,
      says: `in ${member}, which is packed as it is`,
    })),
  ].map(({ what, says }) => ({
    what: escapeHostText(what),
    says: escapeHostText(says.trim().slice(0, MOST_CHARACTERS)),
  }));
  const more = statements.length - MOST_STATEMENTS;
  return more <= 0
    ? statements
    : [...statements.slice(0, MOST_STATEMENTS), { what: 'more', says: `${more} statements of these kinds` }];
}

function guest(text: string): string {
  return escapeGuestText(text.trimEnd());
}

/** The date of the crash, which the kernel writes into its notes (kernel/crash_core.c, crash_save_vmcoreinfo(), v6.1). */
function crashTimesIn(control: Buffer): HostStatement[] {
  const notes = [...control.toString('latin1').matchAll(/"notes":"([A-Za-z0-9+/=]{1,1000000})"/g)];
  return notes.flatMap(([, text = '']) => {
    const [, at] = /CRASHTIME=(\d{1,12})/.exec(Buffer.from(text, 'base64').toString('latin1')) ?? [];
    if (at === undefined) return [];
    return [
      { what: "date of the crash, in the vmcore's notes", says: new Date(Number(at) * 1000).toISOString() },
    ];
  });
}

function accelText({ accel, timeoutScale }: RunPlan): string {
  const unproved = accel.unproved === undefined ? '' : ', not proved';
  return `${accel.accel}${unproved}${timeoutScale === 1 ? '' : `, --timeout-scale ${timeoutScale}`}`;
}

function chosenNames({ runId, scenario, machine, cell }: RunPlan): string {
  return [
    `run ${runId}`,
    `scenario ${scenario.name}`,
    ...(machine.name === undefined ? [] : [`machine ${machine.name}`]),
    ...(cell === undefined ? [] : [`kernel ${cell.kernel} of a campaign file`]),
  ].join(', ');
}

function kernelsText({ kernel, captureKernel }: RunPlan): HostStatement[] {
  const kernels = kernel.sha256 === captureKernel.sha256 ? [kernel] : [kernel, captureKernel];
  return kernels.map(({ spec, release, sha256 }) => ({
    what: 'kernel',
    says: spec === release ? `${release} (${sha256})` : `${spec}, ${release} (${sha256})`,
  }));
}

/** Programs and libraries come from the sender's host, whose distribution they show. */
function programsIn(images: Manifest | undefined): HostStatement[] {
  const entries = [...(images?.images.production.entries ?? []), ...(images?.images.capture.entries ?? [])];
  const texts = entries.flatMap((entry) => {
    if (entry.kind !== 'file' || !/^(program|library)/.test(entry.source)) return [];
    return [`${entry.source === 'library' ? `/${entry.path}` : entry.source} ${entry.sha256.slice(0, 12)}`];
  });
  return [...new Set(texts)].map((says) => ({ what: 'a program in the images', says }));
}

function timesIn(records: readonly RunRecord[], facts: readonly HostFact[]): HostStatement[] {
  const lastMs = records.reduce(
    (most, record) => Math.max(most, record.kind === 'chunk' ? record.atMs : record.record.atMs),
    0,
  );
  const times = facts.flatMap((fact) => (fact.fact === 'host-time' ? [fact.threads] : []));
  const sum = (key: 'ranMs' | 'waitedMs') =>
    Math.round((times.at(-1) ?? []).reduce((total, thread) => total + thread[key], 0));
  return [
    { what: 'times', says: `of each record, from the start of the run; it took ${Math.round(lastMs)} ms` },
    ...(times.length === 0
      ? []
      : [
          {
            what: "CPU time of QEMU's threads",
            says: `${times.length} records; in all they ran ${sum('ranMs')} ms and waited ${sum('waitedMs')} ms for a CPU`,
          },
        ]),
  ];
}
