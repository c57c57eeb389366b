import { z } from 'zod';
import { SysrqKeySchema } from './sysrq-key.js';
import { firing } from './trigger.js';

/**
 * A BREAK on the console's serial line, then the sysrq command's key: the UART's interrupt handler sees the BREAK,
 * takes the next character for a command and runs it there and then (include/linux/serial_core.h, uart_handle_break()
 * and uart_handle_sysrq_char(); v6.1, CONFIG_MAGIC_SYSRQ_SERIAL). The handler listens only while a process has the tty
 * open, which is required.
 */
export const serialBreak = firing({
  schema: z.strictObject({ kind: z.literal('serial-break'), key: SysrqKeySchema }),
  context: "hard interrupt context, in the UART's handler",
  needs: ['serial'],
  arm: async ({ key }, target) => {
    const { status, output } = await target.runScript('grep ttyS0 /proc/interrupts', 'looking for the UART');
    target.require({
      what: "a process has the console's tty open (an interrupt line of ttyS0)",
      proved: status === 0,
      saw: status === 0 ? output.trim().replace(/\s+/g, ' ').slice(0, 160) : 'no ttyS0 in /proc/interrupts',
    });
    return async () => {
      target.fact({ fact: 'fired', how: `BREAK and "${key}" on the console's line` });
      await target.serial.sendBreak();
      target.serial.type(key);
    };
  },
});
