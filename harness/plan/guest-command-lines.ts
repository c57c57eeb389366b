import { escapeHostText } from '../model/escape.js';
import { usageFault } from '../model/fault.js';
import type { ChosenProfile, MachineChoices } from './choose-machine.js';
import { keyOf, mergeWords, mistakeInWords, wordsOf } from './command-line.js';
import { crashkernelWords } from './crashkernel.js';
import { GUEST_DEFAULTS, type LoadSyscall, type VmcoreReading } from './guest-defaults.js';
import { under } from './machine-profile.js';
import { needsSegments } from './read-scenario.js';
import type { Scenario } from './scenario.js';
import { readingWords } from './vmcore-reading.js';

/** The caller's choices about the kernels' command lines, and how the crash kernel is loaded. */
export interface KernelChoices {
  readonly crashkernel?: string | undefined;
  readonly append?: string | undefined;
  readonly captureAppend?: string | undefined;
  /** The capture kernel's command line in place of all below it. */
  readonly captureCmdline?: string | undefined;
  readonly loadSyscall?: LoadSyscall | undefined;
}

/** crashpath's own words for both kernels: the console under test. */
const CONSOLE = 'console=ttyS0,115200';

/** Those of distributions for a capture kernel (Debian's kdump-tools 1.8); kexec-tools adds elfcorehdr=. */
const CAPTURE_WORDS = ['irqpoll', 'nr_cpus=1', 'reset_devices'];

/** Where words of the command lines come from, as a message names it. */
interface Layer {
  readonly crashkernel?: string | undefined;
  readonly append?: string | undefined;
  readonly captureAppend?: string | undefined;
  readonly captureCmdline?: string | undefined;
  readonly names: Readonly<Record<'crashkernel' | 'append' | 'captureAppend' | 'captureCmdline', string>>;
}

/**
 * Throws a usage fault for choices of the caller that contradict each other or the scenario, which needs neither kernels
 * nor machines to be known.
 */
export function requireChoices(scenario: Scenario, choices: KernelChoices): void {
  requireWords(callerOf(choices));
  if (choices.loadSyscall !== 'kexec_file_load' || !needsSegments(scenario)) return;
  throw usageFault(
    `cannot run scenario "${scenario.name}" with --load-syscall kexec_file_load: its flipCrashImage needs the place of the crash image, which kexec tells with kexec_load only; leave the option out`,
  );
}

function callerOf(choices: KernelChoices): Layer {
  return {
    ...choices,
    names: {
      crashkernel: '--crashkernel',
      append: '--append',
      captureAppend: '--capture-append',
      captureCmdline: '--capture-cmdline',
    },
  };
}

/** The command lines of both kernels. The precedence is that of the machine's choices (choose-machine.ts). */
export function commandLines(
  { guest, capture, name }: Scenario,
  {
    profile: chosen,
    dumpWords = [],
    rootWords,
    vmcore,
    ...choices
  }: KernelChoices &
    Pick<MachineChoices, 'profile'> & {
      readonly dumpWords?: readonly string[] | undefined;
      /** Of a distribution, whose kdump service makes the capture kernel's command line by itself. */
      readonly rootWords?: readonly string[] | undefined;
      readonly vmcore: VmcoreReading;
    },
  accel: 'kvm' | 'tcg',
): { append: string; captureAppend: string } {
  const inFile = (file: string) => ({
    crashkernel: `the crashkernel of ${file}`,
    append: `the append of ${file}`,
    captureAppend: `the captureAppend of ${file}`,
    captureCmdline: `the captureCmdline of ${file}`,
  });
  const scenario: Layer = { ...guest, names: inFile(`scenario "${name}"`) };
  const ofProfile = ({ profile }: ChosenProfile): Layer => ({
    crashkernel: profile.crashkernel,
    append: under(accel, profile.append),
    captureAppend: under(accel, profile.captureAppend),
    names: inFile(`machine "${profile.name}"`),
  });
  const profile: Layer[] = chosen === undefined ? [] : [ofProfile(chosen)];
  const files = chosen?.askedBy === 'caller' ? [scenario, ...profile] : [...profile, scenario];
  const layers = [...files, callerOf(choices)];
  for (const layer of layers) requireWords(layer);
  const exercise = capture === undefined ? [] : [`crashpath.exercise=${capture.exercise}`];
  return {
    append: mergeWords([
      [...(rootWords ?? []), CONSOLE, `crashkernel=${GUEST_DEFAULTS.crashkernel}`],
      ...layers.map(({ crashkernel = '', append }) => [...crashkernelWords(crashkernel), ...wordsOf(append)]),
    ]),
    captureAppend:
      rootWords === undefined
        ? captureLine(layers, [...readingWords(vmcore), ...exercise, ...dumpWords])
        : '',
  };
}

/**
 * The capture kernel's command line. A whole one replaces what lies below it; `needed` are the words by which its init
 * learns what to prove, and stay.
 */
function captureLine(layers: readonly Layer[], needed: readonly string[]): string {
  const at = layers.findLastIndex(({ captureCmdline }) => captureCmdline !== undefined);
  const whole = layers[at]?.captureCmdline;
  const own = whole === undefined ? [CONSOLE, ...CAPTURE_WORDS] : [];
  return mergeWords([
    [...own, ...needed],
    ...(whole === undefined ? [] : [wordsOf(whole)]),
    ...layers.slice(at + 1).map(({ captureAppend }) => wordsOf(captureAppend)),
  ]);
}

/** Throws a usage fault for words that the kernel would not obey. */
function requireWords({ names, crashkernel, append, captureAppend, captureCmdline }: Layer): void {
  if (captureCmdline !== undefined && captureAppend !== undefined) {
    throw usageFault(
      `cannot use ${names.captureCmdline} "${escapeHostText(captureCmdline)}" with ${names.captureAppend}: it is the whole command line; write those words into it`,
    );
  }
  for (const [what, text] of [
    [names.append, append],
    [names.captureAppend, captureAppend],
    [names.captureCmdline, captureCmdline],
  ] as const) {
    const mistake = mistakeInWords(text);
    if (mistake !== undefined)
      throw usageFault(`cannot use ${what} "${escapeHostText(text ?? '')}": ${mistake}`);
  }
  const second = wordsOf(append).find((word) => keyOf(word) === 'crashkernel');
  if (crashkernel === undefined || second === undefined) return;
  throw usageFault(
    `cannot use ${names.crashkernel} "${crashkernel}": ${names.append} has ${second} as well; give one of them`,
  );
}
