import { execa } from 'execa';
import { usageFault } from '../../../model/fault.js';
import type { GuestSpec } from '../../../plan/guest-spec.js';
import { diskArguments } from '../disk.js';
import { boardArguments, virtioMemArguments } from '../hardware.js';
import { findQemu } from './ask-qemu.js';
import { foldLine } from '../../../model/escape.js';
import type { ProgramHost } from '../program-host.js';

/** Longest wait for a QEMU that creates a machine, greets on QMP and quits; 0.3 s on an idle core. */
const REHEARSAL_DEADLINE_MS = 20_000;

/** The machine of a planned guest, and what is plugged into it from the start. */
export interface WantedMachine
  extends Pick<GuestSpec, 'accel' | 'cpuModel' | 'cpus' | 'memoryMiB' | 'hardware' | 'disk'> {
  /** As `-machine` takes it: `pc,hpet=off`. */
  readonly type: string;
}

/**
 * Makes QEMU create the machine without a kernel and without running it: a property or a number of vCPUs that QEMU
 * refuses is the caller's mistake and never a verdict. `scale`: factor on the deadline, for slow hosts. Throws a usage
 * fault that quotes QEMU.
 */
export async function rehearse(
  binary: string,
  machine: WantedMachine,
  { host, scale = 1 }: { readonly host?: ProgramHost | undefined; readonly scale?: number } = {},
): Promise<void> {
  const deadlineMs = REHEARSAL_DEADLINE_MS * Math.max(1, scale);
  const path = await findQemu(binary, { host });
  const args = [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-S', '-qmp', 'stdio'],
    ...['-accel', machine.accel],
    ...boardArguments({ ...machine, machine: machine.type }).flat(),
    ...diskArguments(machine.disk, { file: undefined }).flat(),
    ...virtioMemArguments(machine).flat(),
  ];
  const result = await (host === undefined
    ? carryOut(path, args, { deadlineMs })
    : carryOutThere(path, args, { host, deadlineMs }));
  if (!result.failed && result.stdout.includes('"QMP"')) return;
  const lastLine = foldLine(result.stderr.trim().split('\n').at(-1) ?? '');
  const why = result.timedOut
    ? `QEMU did not create it within ${deadlineMs} ms`
    : `QEMU refuses: ${lastLine || 'it exited without a message'}`;
  throw usageFault(
    `cannot use the machine "${wordsFor(machine)}": ${why}; change --machine, --cpu-model, --cpus, --memory, or the machine profile`,
    result,
  );
}

function wordsFor({ type, cpuModel, cpus, memoryMiB, disk }: WantedMachine): string {
  const guest = `${type}, ${cpuModel}, ${cpus} vCPUs, ${memoryMiB} MiB`;
  return disk === undefined ? guest : `${guest}, ${disk.kind} disk`;
}

const INPUT = '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n';

interface Rehearsal {
  readonly failed: boolean;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

async function carryOut(
  path: string,
  args: readonly string[],
  { deadlineMs }: { readonly deadlineMs: number },
): Promise<Rehearsal> {
  return execa(path, args, {
    reject: false,
    input: INPUT,
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
    maxBuffer: 1024 * 1024,
  });
}

async function carryOutThere(
  path: string,
  args: readonly string[],
  { host, deadlineMs }: { readonly host: ProgramHost; readonly deadlineMs: number },
): Promise<Rehearsal> {
  const { status, stdout, stderr, late } = await host.run(path, args, { deadlineMs, input: INPUT });
  return { failed: status !== 0, timedOut: late, stdout, stderr };
}
