import type { Autopsy, AutopsyFrame, AutopsyVcpu, LockWait } from '../model/autopsy.js';
import { palette, type Palette, type TextOptions } from './paint.js';
import { safeName, safeSentence } from './words.js';

/** Options of {@link autopsyText}. */
export interface AutopsyTextOptions extends Partial<TextOptions> {
  /** False: without the interrupt controllers. */
  readonly interrupts?: boolean;
}

/** vCPUs whose stacks are printed. */
const MOST_STACKS = 16;
const KERNELS = { production: 'first kernel', capture: 'capture kernel' } as const;
const PLACES: Partial<Record<AutopsyVcpu['place'], string>> = {
  'first-kernel': 'the first kernel',
  'capture-kernel': 'the capture kernel',
  user: 'user mode',
};

/**
 * An autopsy as text for people, ends with a newline: what was found, the stacks as a mail to LKML has them, outermost
 * function first and with what happens at the end of each, the interrupt controllers, what is not known.
 */
export function autopsyText(
  autopsy: Autopsy,
  { color = false, interrupts = true }: AutopsyTextOptions = {},
): string {
  const colors = palette({ color });
  const { kernels, vcpus, findings, unknown } = autopsy;
  const sections = [
    section('found', findings.length === 0 ? ['nothing that explains it'] : findings, colors),
    ...kernels.map(
      ({ side, release, symbols, offset }) =>
        `${colors.bold(KERNELS[side])}  ${safeName(release ?? 'unknown release')}${
          offset === undefined ? '' : `, moved by 0x${offset}`
        }; symbols from ${safeSentence(symbols)}`,
    ),
    ...vcpus.slice(0, MOST_STACKS).map((vcpu) => stackText(vcpu, { autopsy, colors })),
    ...(vcpus.length > MOST_STACKS ? [`and ${vcpus.length - MOST_STACKS} more vCPUs`] : []),
    ...(interrupts && autopsy.interrupts.length > 0
      ? [section('interrupts', autopsy.interrupts, colors)]
      : []),
    ...(unknown.length === 0 ? [] : [section('not known', unknown, colors)]),
  ];
  return `${sections.join('\n\n')}\n`;
}

function section(title: string, lines: readonly string[], colors: Palette): string {
  return [colors.bold(title), ...lines.map((line) => `  ${safeSentence(line)}`)].join('\n');
}

function stackText(
  vcpu: AutopsyVcpu,
  { autopsy, colors }: { readonly autopsy: Autopsy; readonly colors: Palette },
): string {
  const state = `${vcpu.held === true ? 'held by the choreography' : STATES[vcpu.state]} in ${PLACES[vcpu.place] ?? vcpu.place}, interrupts ${vcpu.interruptsOn ? 'on' : 'off'}`;
  const lines = stackLines(vcpu, autopsy.waits).map((line) => safeSentence(line));
  return [`${colors.bold(`CPU${vcpu.vcpu}:`)} ${colors.dim(state)}`, ...lines].join('\n');
}

const STATES = {
  parked: 'parked',
  asleep: 'asleep',
  running: 'runs',
  off: 'not started',
  unknown: 'state unknown',
} as const;

/**
 * The stack of one vCPU as the thread of 2012 has it (LKML 2012-02-29): one function per line, outermost first, the lock
 * that is waited for in parentheses, and what happens to the vCPU between dashes.
 */
export function stackLines(vcpu: AutopsyVcpu, waits: readonly LockWait[]): string[] {
  const { frames, registers } = vcpu;
  const wait = waits.find((one) => one.vcpu === vcpu.vcpu);
  const held = waits.filter(({ holder }) => holder?.vcpu === vcpu.vcpu);
  if (frames.length === 0) return [`0x${registers['rip'] ?? '?'}`, `(${vcpu.ended})`, endOf(vcpu, wait)];
  const lines = frames.toReversed().flatMap((frame, index) => {
    const name = nameOf(frame, wait);
    const line = index === 0 ? name : `-> ${name}`;
    const innermost = index === frames.length - 1;
    return frame.interrupted && !innermost ? [line, hitLine(frame, held)] : [line];
  });
  const end = vcpu.complete ? [] : [`(what is further out is not certain: ${vcpu.ended})`];
  return [...end, ...lines, endOf(vcpu, wait)];
}

function nameOf(frame: AutopsyFrame, wait: LockWait | undefined): string {
  const mark = frame.reliable ? '' : '? ';
  const name = frame.interrupted ? frame.label : (frame.function ?? frame.label);
  const isTaker = frame.reliable && wait?.function !== undefined && frame.function === wait.function;
  return `${mark}${name}${isTaker ? `(${lockText(wait.lock)})` : ''}`;
}

function hitLine(frame: AutopsyFrame, held: readonly LockWait[]): string {
  const here = held.filter(({ holder }) => holder?.interruptedIn === frame.function);
  const what = { NMI: 'NMI', exception: 'exception', interrupt: 'interrupt' }[frame.hitBy ?? 'interrupt'];
  const locks = [...new Set(here.map(({ lock }) => lockText(lock)))];
  return locks.length === 0 ? `---${what} here---` : `---${what} here, with ${locks.join(' and ')} held---`;
}

function endOf({ state, loop, held }: AutopsyVcpu, wait: LockWait | undefined): string {
  if (wait !== undefined) return `---Infinite loop here, waits for ${lockText(wait.lock)}---`;
  if (held === true) return '---held by the choreography here---';
  if (loop !== undefined) return `---${loop}---`;
  return `---${{ ...STATES, parked: 'halted with interrupts off', asleep: 'halted, interrupts on' }[state]} here---`;
}

/** `ioapic_lock`, or `the lock at 0x...`. */
export function lockText({ name, address }: LockWait['lock']): string {
  return name ?? (address === undefined ? 'a lock' : `the lock at 0x${address}`);
}
