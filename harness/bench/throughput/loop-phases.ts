import { costsOf, type Moment, type PhaseCost } from './phases.js';

/** The console of the shell loop had this many bytes when QEMU had had that much CPU time. */
export interface ConsoleReading extends Moment {
  readonly bytes: number;
}

/** What a cycle of the shell loop cost. */
export interface LoopCosts {
  readonly phases: readonly PhaseCost[];
  /**
   * QEMU's CPU time from the last line of the crashed kernel until the init of the capture kernel prints its first one:
   * the shootdown, purgatory, the decompressor and the capture kernel's boot, with no harness beside it. Null when the
   * console does not show both.
   */
  readonly captureBootCpuMs: number | null;
}

const INIT = 'shell-loop: init';
const BANNER = 'Linux version ';

/**
 * Takes a cycle of scripts/bench/shell-loop apart by its console and by readings of QEMU's CPU time: one when QEMU was first
 * seen, then one whenever the console had grown. `begin`: the start of the loop; `end`: its end. Pure.
 */
export function loopCosts(
  console: string,
  readings: readonly ConsoleReading[],
  { begin, end }: { readonly begin: Moment; readonly end: Moment },
): LoopCosts {
  /** The first reading that shows the byte at this place of the console. */
  const shows = (at: number): Moment | undefined =>
    at < 0 ? undefined : readings.find(({ bytes }) => bytes > at);
  const panic = console.indexOf('Kernel panic - not syncing');
  const banner = panic < 0 ? -1 : console.indexOf(BANNER, panic);
  const captureInit = banner < 0 ? -1 : console.indexOf(INIT, banner);
  const lastLine = banner < 0 ? -1 : console.lastIndexOf('\n', banner);
  const jump = shows(lastLine);
  const up = shows(captureInit);
  const known = jump?.cpuMs != null && up?.cpuMs != null ? up.cpuMs - jump.cpuMs : null;
  return {
    phases: costsOf(begin, [
      ['start', readings[0]],
      ['boot', shows(console.indexOf(INIT))],
      ['arming', shows(console.indexOf('shell-loop: armed'))],
      ['fire', shows(panic)],
      ['jump', shows(banner)],
      ['capture-boot', up],
      ['proof', shows(console.indexOf('shell-loop: vmcore'))],
      ['end', end],
    ]),
    captureBootCpuMs: known,
  };
}
