import type { LogBoot } from '../classify/log-boot.js';
import { commandLineIn, isBanner } from '../timeline/console.js';
import { type BootBuilder, createBootBuilder, type PlacedLine, type ReadBoot } from './boot.js';

/** Divides a log into boots: a first kernel, and the capture kernel behind it. */
export interface BootSplitter {
  push(line: PlacedLine): void;
  finish(): void;
}

/** Between a banner and the command line of a 32-bit kernel lie some hundred lines (init/main.c, start_kernel(), v6.1). */
const MOST_BEHIND_BANNER = 500;

/**
 * What other architectures print before their banner (arch/arm64/kernel/setup.c, arch/riscv/kernel/setup.c, v6.1). Their
 * capture kernels are given elfcorehdr in a device tree, so that a command line does not tell them from a first kernel.
 */
const DEVICE_TREE = /Booting Linux on (?:physical CPU|hartid) /;

/**
 * What a kernel prints before its banner: cgroups before v3.15 (kernel/cgroup.c, cgroup_init_early(), v3.10), and other
 * architectures.
 */
const BEFORE_BANNER =
  /\[ *0\.000000\](?:\[ *[CT]\d{1,10}\])? (?:Initializing cgroup subsys |Booting Linux on )/;
/** A kernel has no more subsystems that start so early. */
const MOST_BEFORE_BANNER = 16;

/** A splitter; each boot with a kernel's line is handed over as it ends. */
export function createBootSplitter(onBoot: (boot: ReadBoot) => void): BootSplitter {
  let current = createBootBuilder(1, 'unknown');
  let pending: PlacedLine[] = [];
  /** Lines that belong to the next banner, if one follows at once. */
  let ahead: PlacedLine[] = [];
  let early: string | undefined;
  let isDeviceTree = false;
  let before = '';
  let boots = 0;

  function over(boot: BootBuilder, follows: LogBoot['follows'], at?: PlacedLine): void {
    const read = boot.end(follows, at);
    if (read.kernelLines === 0) return;
    boots += 1;
    onBoot({ ...read, number: boots });
  }

  function next(kernel: LogBoot['kernel'], follows: LogBoot['follows'], at?: PlacedLine): void {
    over(current, follows, at);
    current = createBootBuilder(boots + 1, kernel);
  }

  /** The banner that the pending lines begin with belongs to a kernel with this command line. */
  function resolve(commandLine: string | undefined): void {
    const lines = pending;
    pending = [];
    early = undefined;
    const [banner] = lines;
    if (banner === undefined) return;
    const isCapture = commandLine !== undefined && isCaptures(commandLine);
    // The real console prints again what a boot console has printed.
    const isReplay = current.mayReplay && current.lastCommandLine === commandLine;
    if (commandLine === undefined || (isDeviceTree && !isCapture)) next('unknown', 'unknown-boot');
    else if (isCapture && current.hasCapture && !isReplay) next('capture', 'boot');
    else if (isCapture && current.isEmpty) next('capture', 'nothing');
    else if (!isCapture && !isReplay) next('first', 'boot', banner);
    if (commandLine !== undefined) current.commandLine(commandLine, isCapture);
    for (const line of lines) current.line(line);
  }

  return {
    push(line) {
      if (isBanner(line.text)) {
        resolve(early);
        pending = [...ahead, line];
        ahead = [];
        isDeviceTree = DEVICE_TREE.test(before);
        return;
      }
      before = line.text;
      if (ahead.length < MOST_BEFORE_BANNER && isBeforeBanner(line.text)) {
        ahead.push(line);
        return;
      }
      if (ahead.length > 0) for (const held of ahead.splice(0)) add(held);
      add(line);
    },
    finish() {
      for (const held of ahead.splice(0)) add(held);
      resolve(early);
      over(current, 'nothing');
    },
  };

  function add(line: PlacedLine): void {
    if (pending.length === 0) {
      current.line(line);
      return;
    }
    pending.push(line);
    const commandLine = commandLineIn(line.text);
    // A 64-bit kernel prints it twice, and bytes of the first one may be lost.
    if (commandLine !== undefined && (early !== undefined || isCaptures(commandLine)))
      resolve(isCaptures(commandLine) ? commandLine : early);
    else early ??= commandLine;
    if (pending.length > MOST_BEHIND_BANNER) resolve(early);
  }
}

function isBeforeBanner(text: string): boolean {
  return (text.includes('Initializing cgroup') || text.includes('Booting Linux')) && BEFORE_BANNER.test(text);
}

function isCaptures(commandLine: string): boolean {
  return /(^|\s)elfcorehdr=/.test(commandLine);
}
