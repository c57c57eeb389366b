import { isDeepStrictEqual } from 'node:util';
import { escapeHostText } from '../model/escape.js';
import { usageFault } from '../model/fault.js';
import { mistakeInWords, wordsOf } from './command-line.js';
import { GUEST_DEFAULTS, GUEST_LIMITS, mistakeInMachine, QEMU_NAME } from './guest-defaults.js';
import type { GuestChoices } from './make-plan.js';
import { type MachineChoices, vcpusFact } from './choose-machine.js';
import type { RunPlan } from './run-plan.js';
import { readingOf, readingWords } from './vmcore-reading.js';

/** Values of properties that cannot name a file, a device or another object of the host. */
const PLAIN_VALUE = /^(?:[A-Za-z][\w-]{0,31}|\d{1,19}(?:\.\d{1,9})?|0x[\da-fA-F]{1,16})$/;
/** The word for a dump, as `plan/kept-vmcore.ts` writes it. */
const DUMP_WORD = /^crashpath\.dump=\d{1,2},\d{1,6}$/;
/** Properties of machines that name files and objects, whatever their value looks like (QEMU 7.2, hw/core/machine.c, hw/i386). */
const NAMES_A_FILE =
  /^(?:firmware|dtb|dumpdtb|shim|pflash\d*|kernel|initrd|append|accel|memory.*|smp.*|.*audiodev|confidential-guest-support|sgx-epc.*|cxl.*)$/;

/**
 * The choices that make a stored plan's guest again: machine, command lines and reading of the vmcore. Nothing of the host
 * that ran it is in them, and no dump is kept: a disk for one is room on a host that did not offer it. Under TCG the CPU
 * model `host` becomes `max`. Throws a usage fault for a plan whose guest no scenario and no option could have described.
 * Pure.
 */
export function storedGuest(plan: RunPlan, accel: 'kvm' | 'tcg'): GuestChoices {
  requireGuest(plan);
  const { append } = plan;
  const words = wordsOf(plan.captureAppend);
  const captureAppend = words.some(isDumpWord)
    ? words.filter((word) => !isDumpWord(word)).join(' ')
    : plan.captureAppend;
  return {
    ...machineOf(plan, accel),
    commandLines: { append, captureAppend },
    vmcore: readingOf(plan.captureAppend),
    loadSyscall: plan.loadSyscall,
  };
}

function machineOf({ machine }: RunPlan, accel: 'kvm' | 'tcg'): MachineChoices {
  const { type, cpus, memoryMiB, hardware, name, prove } = machine;
  const cpuModel = accel === 'tcg' ? machine.cpuModel.replace(/^host(?=,|$)/, 'max') : machine.cpuModel;
  if (name === undefined || prove === undefined) {
    return {
      cpus,
      memoryMiB,
      ...(type === GUEST_DEFAULTS.machine ? {} : { machine: type }),
      ...(/^(max|host)$/.test(cpuModel) ? {} : { cpuModel }),
    };
  }
  // The plan is made with this claim first.
  const claims = prove.filter((claim) => !isDeepStrictEqual(claim, vcpusFact(cpus)));
  const guest = { machine: type, cpuModel, cpus, memoryMiB, ...hardware, prove: claims };
  return {
    profile: {
      askedBy: 'caller',
      profile: { version: 1, name, summary: 'of a stored run', evidence: [], ...guest },
    },
  };
}

/** Throws a usage fault for a guest that is not one, or that uses a file of the host that ran it. */
export function requireGuest({
  machine,
  append,
  captureAppend,
  scenario,
  keepVmcore,
  distribution,
}: RunPlan): void {
  const refuse = (what: string, value: string, why: string) =>
    usageFault(`cannot make the guest again with ${what} "${escapeHostText(value.slice(0, 80))}": ${why}`);
  if (distribution !== undefined)
    throw refuse(
      'distribution',
      distribution.spec,
      'its disk is not part of the run; run it with --distribution there',
    );
  for (const [what, text] of [
    ['the machine', machine.type],
    ['the CPU model', machine.cpuModel],
  ] as const) {
    if (text.length > 256 || !QEMU_NAME.test(text)) throw refuse(what, text, 'QEMU has no such name');
    const mistake = what === 'the machine' ? mistakeInMachine(text) : undefined;
    if (mistake !== undefined) throw refuse(what, text, mistake);
    const file = text.split(',').slice(1).find(namesHostObject);
    if (file !== undefined) throw refuse(what, text, `${file} may name a file or an object of that host`);
  }
  for (const key of ['cpus', 'memoryMiB'] as const) {
    const { least, most } = GUEST_LIMITS[key];
    const value = machine[key];
    if (value < least || value > most) throw refuse(key, String(value), `it is not from ${least} to ${most}`);
  }
  const own = new Set([
    ...readingWords(readingOf(captureAppend)),
    ...(scenario.capture === undefined ? [] : [`crashpath.exercise=${scenario.capture.exercise}`]),
  ]);
  const foreign = wordsOf(captureAppend)
    .filter((word) => !own.has(word) && !(keepVmcore !== undefined && isDumpWord(word)))
    .join(' ');
  for (const [what, text] of [
    ['the command line', append],
    ["the capture kernel's command line", foreign],
  ] as const) {
    const mistake = mistakeInWords(text);
    if (mistake !== undefined) throw refuse(what, text, mistake);
  }
}

function isDumpWord(word: string): boolean {
  return DUMP_WORD.test(word);
}

function namesHostObject(property: string): boolean {
  const [key = '', ...value] = property.split('=');
  if (NAMES_A_FILE.test(key.replace(/^[+-]/, '').replaceAll('_', '-'))) return true;
  return value.length > 0 && !PLAIN_VALUE.test(value.join('='));
}
