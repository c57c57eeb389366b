import { foldLine } from '../../../model/escape.js';
import type { ProgramHost } from '../program-host.js';
import type { KvmProof } from './proof.js';
import { probeGuestElf } from './probe-guest.js';
import { probeArguments, type ProbeRun, type ProbeRunOptions } from './run-probe-guest.js';

/**
 * Runs the probe's guest once on another host. It is killed there at the deadline. Both ends of the times that are compared
 * come over the same connection, so that its latency is in neither.
 */
export async function runProbeThere(host: ProgramHost, options: ProbeRunOptions): Promise<ProbeRun> {
  const kernel = await host.keep(probeGuestElf({ turns: options.turns }));
  const beganAtMs = performance.now();
  let startedAtMs: number | undefined;
  const { status, stderr, late } = await host.run(
    options.qemuPath,
    probeArguments(options.accel, kernel, options.name ?? 'crashpath-probe'),
    {
      deadlineMs: options.deadlineMs,
      signal: options.signal,
      onFirstOutput: () => {
        startedAtMs = performance.now();
      },
    },
  );
  const endedAtMs = performance.now();
  const seen = { tookMs: Math.round(endedAtMs - beganAtMs), stderr: foldLine(stderr) };
  if (late) return { end: 'deadline', started: startedAtMs !== undefined, ...seen };
  if (status === undefined || status > 128) {
    return { end: 'broken', why: status === undefined ? 'it was killed' : `status ${status}`, ...seen };
  }
  const work = startedAtMs === undefined ? {} : { workMs: Math.round(endedAtMs - startedAtMs) };
  return { end: 'exited', exitCode: status, ...work, ...seen };
}

/** Why the KVM device of another host cannot be used, or undefined when it opens for reading and writing. */
export async function deviceProblemThere(host: ProgramHost, device: string): Promise<KvmProof | undefined> {
  switch (await host.tryDevice(device)) {
    case 'opens':
      return undefined;
    case 'denied':
      return {
        outcome: 'no-permission',
        tried: false,
        detail: `${device} may not be opened on ${host.name}`,
      };
    case 'absent':
      return { outcome: 'no-device', tried: false, detail: `${device} does not exist on ${host.name}` };
    case 'broken':
      return { outcome: 'no-device', tried: false, detail: `${device} cannot be opened on ${host.name}` };
  }
}
