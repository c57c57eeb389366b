import { escapeHostText } from '../../model/escape.js';
import { usageFault } from '../../model/fault.js';
import { CRASHKERNEL_FORMS, mistakeInCrashkernel } from '../../plan/crashkernel.js';
import {
  GUEST_LIMITS,
  KEEP_VMCORE,
  LOAD_SYSCALLS,
  mistakeInMachine,
  QEMU_NAME,
  REPACKS,
  VMCORE_READS,
} from '../../plan/guest-defaults.js';
import { LOCAL_HOST_NAME, parseHostAddress } from '../../ssh/address.js';
import type { AccelRequest } from '../../machine/qemu/accel/choose-accelerator.js';

/**
 * The values that options accept. Each function returns yargs' `coerce` for one option; options are declared as strings,
 * so that a message can show what was typed. All throw usage faults that name the option and the value.
 */

/** Longest value of any option, characters. */
const VALUE_LIMIT = 4096;

/** One line of text, given once. */
export function text(option: string): (value: unknown) => string | undefined {
  return (value) => {
    if (value === undefined) return undefined;
    if (Array.isArray(value)) {
      throw usageFault(
        `cannot use ${option} "${value.map(String).join('" and "')}": it is given ${value.length} times; give it once`,
      );
    }
    const given = typeof value === 'string' ? value : JSON.stringify(value);
    if (given.length > VALUE_LIMIT) {
      throw usageFault(
        `cannot use ${option} "${given.slice(0, 40)}...": it has ${given.length} characters; keep it under ${VALUE_LIMIT}`,
      );
    }
    if (/\p{Cc}/u.test(given)) {
      throw usageFault(
        `cannot use ${option} "${escapeHostText(given)}": it holds a control character (a line feed?); write it on one line`,
      );
    }
    return given;
  };
}

/** A path or a name: text that is not empty. */
export function nonEmpty(option: string): (value: unknown) => string | undefined {
  return (value) => {
    const given = text(option)(value);
    if (given?.trim() === '') throw usageFault(`cannot use ${option} "": it is empty; give a value`);
    return given;
  };
}

/** A decimal whole number. */
export function wholeNumber(
  option: string,
  { least, most, note }: { least: number; most: number; note?: string },
): (value: unknown) => number | undefined {
  return number(option, { least, most, note, form: /^\d{1,9}$/, what: 'a whole number' });
}

/** How many guests run at a time: a number, or as many as this host has room for. */
export type Jobs = number | 'auto';

/** The value of `--jobs` where it may be measured. */
export function jobsOrAuto(value: unknown): Jobs | undefined {
  if (value === 'auto') return value;
  const what = 'auto or a whole number';
  return number('--jobs', { least: 1, most: 256, form: /^\d{1,9}$/, what })(value);
}

const UNITS: Readonly<Record<string, number>> = { s: 1, min: 60, m: 60, h: 3_600, d: 86_400 };

/** A time with its unit, in seconds. */
export function duration(option: string): (value: unknown) => number | undefined {
  return (value) => {
    const given = text(option)(value);
    if (given === undefined) return undefined;
    const [, digits, unit = ''] = /^(\d{1,6})(s|min|m|h|d)$/.exec(given) ?? [];
    const seconds = Number(digits) * (UNITS[unit] ?? 0);
    if (digits !== undefined && seconds > 0) return seconds;
    const why = /^\d+(s|min|m|h|d)$/.test(given)
      ? 'it is not from 1s to 999999d'
      : 'it is no time with a unit';
    throw usageFault(`cannot use ${option} "${given}": ${why}; write e.g. 90s, 30min, 8h or 2d`);
  };
}

/** Words of a list that are separated by commas. */
export function listOf<Word extends string>(
  option: string,
  words: readonly Word[],
): (value: unknown) => Word[] | undefined {
  return (value) => {
    const given = nonEmpty(option)(value);
    if (given === undefined) return undefined;
    const found = given.split(',').map((word) => oneOf(option, words)(word.trim()));
    return [...new Set(found)].filter((word) => word !== undefined);
  };
}

/** A positive factor. */
export function factor(
  option: string,
  { least, most }: { least: number; most: number },
): (value: unknown) => number | undefined {
  return number(option, { least, most, form: /^\d{1,9}(\.\d{1,9})?$/, what: 'a number' });
}

function number(
  option: string,
  {
    least,
    most,
    form,
    what,
    note = '',
  }: { least: number; most: number; form: RegExp; what: string; note?: string | undefined },
): (value: unknown) => number | undefined {
  return (value) => {
    const given = text(option)(value);
    if (given === undefined) return undefined;
    if (form.test(given) && Number(given) >= least && Number(given) <= most) return Number(given);
    throw usageFault(
      `cannot use ${option} "${given}": it is not ${what} from ${least} to ${most}${note}; correct it`,
    );
  };
}

/** One of a few words. */
export function oneOf<Word extends string>(
  option: string,
  words: readonly Word[],
): (value: unknown) => Word | undefined {
  return (value) => {
    const given = text(option)(value);
    const word = words.find((candidate) => candidate === given);
    if (given === undefined || word !== undefined) return word;
    throw usageFault(
      `cannot use ${option} "${given}": it is none of ${words.join(', ')}; choose one of them`,
    );
  };
}

/** Values of `--accel`. */
export const ACCELERATORS = ['auto', 'kvm', 'kvm-unproved', 'tcg'] as const satisfies readonly AccelRequest[];

/** The requested accelerator. */
export function accelerator(value: unknown): AccelRequest {
  return oneOf('--accel', ACCELERATORS)(value) ?? 'auto';
}

/** How much of /proc/vmcore is read; undefined leaves it to the scenario. */
export const vmcoreReading = oneOf('--vmcore', VMCORE_READS);

/** The system call that loads a crash kernel. */
export const loadSyscall = oneOf('--load-syscall', LOAD_SYSCALLS);

/** Which kernels are repacked. */
export const repack = oneOf('--repack', REPACKS);

/** Of which runs a dump is kept. */
export const keepVmcore = oneOf('--keep-vmcore', KEEP_VMCORE);

/** The most hosts of one campaign. */
const MOST_HOSTS = 64;

/** Names of hosts, each given once: an address for ssh, a name of its configuration, or `local`. */
export function hostNames(value: unknown): string[] {
  const given = (Array.isArray(value) ? value : [value]).map((one) => nonEmpty('--host')(one) ?? '');
  for (const [index, name] of given.entries()) {
    if (name !== LOCAL_HOST_NAME) parseHostAddress(name);
    if (given.indexOf(name) < index) {
      throw usageFault(
        `cannot use --host "${name}": it is given twice; give each host once, and --jobs for more guests`,
      );
    }
  }
  if (given.length > MOST_HOSTS) {
    throw usageFault(
      `cannot use --host ${given.length} times: ${MOST_HOSTS} is the most; start several campaigns`,
    );
  }
  return given;
}

/** The one host of a command that takes no more; undefined for this host. Throws a usage fault for several. */
export function onlyHost(what: string, hosts: readonly string[]): string | undefined {
  const [name, second] = hosts;
  if (second === undefined) return name;
  throw usageFault(`cannot ${what} on "${hosts.join(' and ')}": it takes one host; give --host once`);
}

/** vCPUs, within the limits of scenarios. */
export const cpus = wholeNumber('--cpus', GUEST_LIMITS.cpus);

/** MiB, within the limits of scenarios. */
export const memoryMiB = wholeNumber('--memory', GUEST_LIMITS.memoryMiB);

/** The reservation, in the forms of `crashkernel=`. */
export function crashkernel(value: unknown): string | undefined {
  const given = text('--crashkernel')(value);
  const mistake = given === undefined ? undefined : mistakeInCrashkernel(given);
  if (mistake === undefined) return given;
  throw usageFault(`cannot use --crashkernel "${given}": ${mistake}; write e.g. ${CRASHKERNEL_FORMS}`);
}

/** A QEMU machine or CPU model with its properties (`pc,hpet=off`, `max,-x2apic`). */
export function qemuName(option: string): (value: unknown) => string | undefined {
  return (value) => {
    const given = nonEmpty(option)(value);
    if (given === undefined || QEMU_NAME.test(given)) return given;
    throw usageFault(
      `cannot use ${option} "${given}": it is not a name with properties as QEMU takes them; write e.g. q35 or pc,hpet=off`,
    );
  };
}

/** A QEMU machine without properties that other options decide. */
export function machineName(value: unknown): string | undefined {
  const given = qemuName('--machine')(value);
  const mistake = given === undefined ? undefined : mistakeInMachine(given);
  if (mistake === undefined) return given;
  throw usageFault(`cannot use --machine "${given}": ${mistake}`);
}

/** A campaign's name; it becomes a directory. */
export function campaignName(value: unknown): string | undefined {
  const given = text('--name')(value);
  if (given === undefined || /^\w[\w.-]{0,63}$/.test(given)) return given;
  throw usageFault(
    `cannot use --name "${given}": it becomes a directory; use up to 64 letters, digits, dots, - and _`,
  );
}
