import { type AskOptions, askQemu } from './ask-qemu.js';

/** Names of the machine types that this QEMU has. Throws as {@link askQemu} does. */
export async function machineTypes(binary: string, options: AskOptions = {}): Promise<ReadonlySet<string>> {
  return parseMachines(await askQemu(binary, ['-machine', 'help'], options));
}

/** Names of the CPU models that this QEMU has. Throws as {@link askQemu} does. */
export async function cpuModels(binary: string, options: AskOptions = {}): Promise<ReadonlySet<string>> {
  return parseCpuModels(await askQemu(binary, ['-cpu', 'help'], options));
}

/** Names of the devices that this QEMU has. Throws as {@link askQemu} does. */
export async function deviceNames(binary: string, options: AskOptions = {}): Promise<ReadonlySet<string>> {
  return parseDevices(await askQemu(binary, ['-device', 'help'], options));
}

/** Machine names in the output of `qemu -machine help`: the first word of each line after the heading. Pure. */
export function parseMachines(output: string): ReadonlySet<string> {
  const [, ...lines] = output.split('\n');
  return new Set(lines.map((line) => line.split(/\s/, 1)[0] ?? '').filter((name) => name !== ''));
}

/**
 * CPU models in the output of `qemu -cpu help`: a heading, then `x86 NAME ...` (QEMU 7.2) or `  NAME ...` (newer) up
 * to an empty line. Pure.
 */
export function parseCpuModels(output: string): ReadonlySet<string> {
  const [list = ''] = output.split(/\n\s*\n/, 1);
  return new Set([...list.matchAll(/^(?:x86 +| +)([\w.-]{1,64})/gm)].map((match) => match[1] ?? ''));
}

/** Device names in the output of `qemu -device help`: lines of `name "isa-serial", bus ISA`. Pure. */
export function parseDevices(output: string): ReadonlySet<string> {
  return new Set([...output.matchAll(/^name "([^"\n]{1,64})"/gm)].map((match) => match[1] ?? ''));
}
