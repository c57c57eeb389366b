import type { TimerFacts } from '../model/event.js';
import { interruptsOf } from './proc-interrupts.js';

/** Interrupts of a kernel's timers, summed over its CPUs, out of its /proc/interrupts. */
export interface TimerCounts {
  /** Row `LOC`: local timer interrupts. */
  readonly local: number | undefined;
  /** Row `0`: the PIT's or HPET's, on any pin. */
  readonly irq0: number | undefined;
  /** How the kernel names the chip and pin of row 0, e.g. `IO-APIC 2-edge` or `XT-PIC`. */
  readonly irq0Chip: string | undefined;
}

/** Reads `clocksource=`, `clockevent=` and `broadcast=` lines, as images/init/lib.sh prints them. */
export function parseTimers(text: string): TimerFacts {
  const value = (key: string) => new RegExp(`^${key}=([\\w.-]{1,64})$`, 'm').exec(text)?.[1] ?? '';
  return {
    clocksource: value('clocksource'),
    clockevent: value('clockevent'),
    broadcast: value('broadcast'),
  };
}

/** Reads the timer rows of /proc/interrupts (kernel/irq/proc.c, show_interrupts(); arch/x86/kernel/irq.c; v6.1). */
export function timerCounts(interrupts: string): TimerCounts {
  const irq0 = /^ *0:((?: +\d{1,12})+)(?: +(.*))?$/m.exec(interrupts);
  const chip = irq0?.[2]
    ?.trim()
    .split(/ {2,}/)
    .slice(0, 2)
    .filter((word) => word !== 'timer');
  return {
    local: interruptsOf('LOC', interrupts),
    irq0: interruptsOf('0', interrupts),
    irq0Chip: chip === undefined ? undefined : chip.join(' ').slice(0, 64),
  };
}
