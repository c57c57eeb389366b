import type { Trigger } from '../model/scenario.js';
import type { Target } from './target.js';

/**
 * Alt+SysRq+key on the PS/2 keyboard (QMP send-key): the input core hands each key to the sysrq handler from within
 * i8042_interrupt(), in hard interrupt context (drivers/tty/sysrq.c, sysrq_filter(); v6.1). A keyboard that the
 * handler listens to is required.
 */
export async function fireKeyboard(
  { key }: Extract<Trigger, { kind: 'keyboard' }>,
  target: Target,
): Promise<void> {
  const { output } = await target.runScript(
    "grep -h -A 4 'keyboard' /proc/bus/input/devices | grep '^H:'",
    'looking for a keyboard',
  );
  target.require({
    what: 'a keyboard that the sysrq handler listens to',
    proved: /^H: Handlers=.*\bsysrq\b/m.test(output),
    saw: output.trim().slice(0, 160) || 'no keyboard in /proc/bus/input/devices',
  });
  target.fact({ fact: 'fired', how: `Alt+SysRq+${key} on the keyboard` });
  // A letter's or digit's key has the name of what is on it.
  await target.pressKeys(['alt', 'sysrq', key]);
}
