import { z } from 'zod';
import { SysrqKeySchema } from './sysrq-key.js';
import { firing } from './trigger.js';

/**
 * The first key makes the virtual terminal's work run, which holds the console lock for a while
 * (drivers/tty/vt/keyboard.c, kbd_event(): schedule_console_callback(); v6.1). A panic that interrupts it prints
 * nothing before the jump (measured with all three keys pressed at once: QMP send-key, Debian 6.1). So the keys are
 * pressed one after another, as a person does.
 */
const BETWEEN_KEYS_MS = 500;

/**
 * Alt+SysRq+key on the PS/2 keyboard: the input core hands each key to the sysrq handler from within
 * i8042_interrupt() (drivers/tty/sysrq.c, sysrq_filter(); v6.1). A keyboard that the handler listens to is required.
 */
export const keyboard = firing({
  schema: z.strictObject({ kind: z.literal('keyboard'), key: SysrqKeySchema }),
  context: "hard interrupt context, in the keyboard controller's handler",
  needs: ['keyboard'],
  arm: async ({ key }, target) => {
    const { output } = await target.runScript(
      "grep -h -A 4 'keyboard' /proc/bus/input/devices | grep '^H:'",
      'looking for a keyboard',
    );
    target.require({
      what: 'a keyboard that the sysrq handler listens to',
      proved: /^H: Handlers=.*\bsysrq\b/m.test(output),
      saw: output.trim().slice(0, 160) || 'no keyboard in /proc/bus/input/devices',
    });
    return async () => {
      target.fact({ fact: 'fired', how: `Alt+SysRq+${key} on the keyboard` });
      for (const pressed of ['alt', 'sysrq', key] as const) {
        await target.keyboard.hold(pressed);
        await target.sleep(BETWEEN_KEYS_MS);
      }
    };
  },
});
