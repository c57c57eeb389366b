import { execa } from 'execa';
import { parseMachines } from '../doctor/qemu-checks.js';
import { usageFault } from '../model/fault.js';
import { askQemu, findQemu } from '../machine/qemu/accel/ask-qemu.js';
import { foldLine } from '../model/escape.js';
import { nearest } from './nearest.js';

/** Longest wait for a QEMU that makes a machine, says hello on QMP and quits; 0.3 s on an idle core. */
const REHEARSAL_DEADLINE_MS = 20_000;

/** The guest that is meant to be made. */
export interface GuestMachine {
  readonly accel: 'kvm' | 'tcg';
  readonly type: string;
  readonly cpuModel: string;
  readonly cpus: number;
  readonly memoryMiB: number;
}

/**
 * Throws a usage fault with the nearest names when this QEMU knows no such machine type or CPU model; undefined
 * means its own choice, which needs no look.
 */
export async function requireKnownNames(
  binary: string,
  { machine, cpuModel }: { machine: string | undefined; cpuModel: string | undefined },
): Promise<void> {
  if (machine !== undefined) {
    const known = parseMachines(await askQemu(binary, ['-machine', 'help']));
    requireKnown('--machine', { given: machine, name: firstName(machine, 'type='), known });
  }
  if (cpuModel !== undefined) {
    const known = parseCpuModels(await askQemu(binary, ['-cpu', 'help']));
    requireKnown('--cpu-model', {
      given: cpuModel,
      name: firstName(cpuModel, '').replace(/-x86_64-cpu$/, ''),
      known,
    });
  }
}

/**
 * CPU models in the output of `qemu -cpu help`: a heading, then `x86 NAME ...` (QEMU 7.2) or `  NAME ...` (newer) up
 * to an empty line. Pure.
 */
export function parseCpuModels(output: string): ReadonlySet<string> {
  const [list = ''] = output.split(/\n\s*\n/, 1);
  return new Set([...list.matchAll(/^(?:x86 +| +)([\w.-]{1,64})/gm)].map((match) => match[1] ?? ''));
}

function firstName(given: string, prefix: string): string {
  const [first = ''] = given.split(',', 1);
  return first.startsWith(prefix) ? first.slice(prefix.length) : first;
}

function requireKnown(
  option: string,
  { given, name, known }: { given: string; name: string; known: ReadonlySet<string> },
): void {
  if (known.has(name)) return;
  const near = nearest(name, known);
  const hint = near.length === 0 ? '' : `nearest: ${near.join(', ')}; `;
  const list = option === '--machine' ? '-machine help' : '-cpu help';
  throw usageFault(
    `cannot use ${option} "${given}": this QEMU knows no "${name}"; ${hint}see qemu-system-x86_64 ${list}`,
  );
}

/**
 * Lets QEMU make the machine, without a kernel and without running it, so that a property or a number of vCPUs that
 * it refuses is the caller's mistake and never a verdict. Throws a usage fault with QEMU's own words.
 */
export async function rehearse(binary: string, machine: GuestMachine): Promise<void> {
  const path = await findQemu(binary);
  const args = [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-S', '-qmp', 'stdio'],
    ...['-machine', machine.type, '-accel', machine.accel, '-cpu', machine.cpuModel],
    ...['-smp', String(machine.cpus), '-m', `${machine.memoryMiB}M`],
  ];
  const result = await execa(path, args, {
    reject: false,
    input: '{"execute":"qmp_capabilities"}\n{"execute":"quit"}\n',
    timeout: REHEARSAL_DEADLINE_MS,
    killSignal: 'SIGKILL',
    maxBuffer: 1024 * 1024,
  });
  if (!result.failed && result.stdout.includes('"QMP"')) return;
  const why = result.timedOut
    ? `QEMU did not make it within ${REHEARSAL_DEADLINE_MS} ms`
    : `QEMU refuses: ${foldLine(result.stderr.trim().split('\n').at(-1) ?? '') || 'it ended without a word'}`;
  throw usageFault(
    `cannot use the machine "${machine.type}, ${machine.cpuModel}, ${machine.cpus} vCPUs, ${machine.memoryMiB} MiB": ${why}; change --machine, --cpu-model, --cpus or --memory`,
    result,
  );
}
