import type { Trigger } from '../plan/scenario.js';
import type { Target } from './target.js';

/**
 * A BREAK on the console's serial line, then the sysrq command's key: the UART's interrupt handler sees the BREAK,
 * takes the next character for a command and runs it there and then, in hard interrupt context
 * (include/linux/serial_core.h, uart_handle_break() and uart_handle_sysrq_char(); v6.1, CONFIG_MAGIC_SYSRQ_SERIAL).
 * The handler listens only while somebody has the tty open, which is required.
 */
export async function fireSerialBreak(
  { key }: Extract<Trigger, { kind: 'serial-break' }>,
  target: Target,
): Promise<void> {
  const { status, output } = await target.runScript('grep ttyS0 /proc/interrupts', 'looking for the UART');
  target.require({
    what: "somebody has the console's tty open (an interrupt line of ttyS0)",
    proved: status === 0,
    saw: status === 0 ? output.trim().replace(/\s+/g, ' ').slice(0, 160) : 'no ttyS0 in /proc/interrupts',
  });
  target.fact({ fact: 'fired', how: `BREAK and "${key}" on the console's line` });
  await target.sendBreak();
  target.typeAtConsole(key);
}
