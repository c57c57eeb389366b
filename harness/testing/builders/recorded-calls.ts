import type { RecordedCall, RecordedFact } from '../../model/recorded-calls.js';

/** A recorded call of a lock function, as a built 6.1 has it. */
export function madeCall(call: Partial<RecordedCall> & Pick<RecordedCall, 'at'>): RecordedCall {
  return {
    argument: '0xffffffff825b12c8',
    from: 'clear_IO_APIC_pin+0x43/0x200',
    stack: ['clear_IO_APIC_pin', 'native_machine_crash_shutdown', '__crash_kexec', 'panic'],
    interrupts: false,
    first: 1,
    count: 1,
    ...call,
  };
}

/** The part of a recording that ends at `to`. */
export function madeRecorded(
  to: string,
  calls: readonly RecordedCall[],
  given: Partial<RecordedFact> = {},
): RecordedFact {
  const places = [...new Set(calls.map(({ at }) => at))];
  const stops = calls.reduce((sum, { count }) => sum + count, 0);
  return { fact: 'recorded', places, missing: [], to, reached: true, stops, calls: [...calls], ...given };
}

const PRINTING = ['vprintk_emit', 'vprintk_default', '_printk', 'panic'];

/** What a built 6.1.192 recorded, shortened: before the shootdown it prints, after it the IO-APIC is disabled. */
export const STOCK_FACTS: readonly RecordedFact[] = [
  madeRecorded('nmi_shootdown_cpus', [
    madeCall({
      ...{ at: '_raw_spin_lock_irqsave', data: { symbol: 'console_sem', offset: 0 }, count: 33 },
      ...{ argument: '0xffffffffbf4a4bc0', from: 'down_trylock+0xf/0x2e' },
      stack: ['down_trylock', '__down_trylock_console_sem.constprop.0', 'console_trylock', ...PRINTING],
    }),
    madeCall({
      ...{ at: '_raw_spin_trylock', data: { symbol: 'serial8250_ports', offset: 0 }, count: 32 },
      ...{ argument: '0xffffffffbf5e6120', from: 'serial8250_console_write+0x43/0x31d' },
      stack: ['serial8250_console_write', 'console_unlock', ...PRINTING],
    }),
    madeCall({
      ...{ at: '_raw_spin_lock_irqsave', data: { symbol: 'console_sem', offset: 0 }, count: 33 },
      ...{ argument: '0xffffffffbf4a4bc0', from: 'up+0x25/0x69' },
      stack: ['up', '__up_console_sem.constprop.0', 'console_unlock', ...PRINTING],
    }),
  ]),
  madeRecorded('machine_kexec', [
    madeCall({
      ...{ at: '_raw_spin_lock_irqsave', data: { symbol: 'ioapic_lock', offset: 0 }, count: 54 },
      ...{ argument: '0xffffffffbf5b12c8', from: 'ioapic_read_entry+0x19/0x43' },
      stack: ['ioapic_read_entry', 'clear_IO_APIC_pin', 'clear_IO_APIC', 'native_machine_crash_shutdown'],
    }),
  ]),
];
