import stripAnsi from 'strip-ansi';
import type { EventBody, Side } from '../model/event.js';
import { kernelMessage } from './printk.js';
import { SIGNATURES } from './signatures.js';

const BANNER = kernelMessage(String.raw`Linux version (\d+\.\d+\S*) `);
const COMMAND_LINE = kernelMessage('Command line: (.*)');
/** kernel/panic.c, panic(): "Kernel panic - not syncing: %s" (v2.6 to v6.12 alike). */
const PANIC = kernelMessage('Kernel panic - not syncing(?:: (.*))?$');
/** kernel/panic.c, panic(): the end mark, printed only when nothing took over. */
const PANIC_END = kernelMessage(String.raw`---\[ end Kernel panic - not syncing`);
/** kernel/panic.c, panic(): with panic=N. */
const REBOOT = kernelMessage(String.raw`Rebooting in \d+ seconds`);
/** arch/x86/kernel/dumpstack.c, __die_header(); arch/x86/mm/fault.c; lib/bug.c, report_bug(). */
const OOPS = kernelMessage(
  '((?:BUG: (?:unable to handle|kernel NULL pointer|stack guard)|kernel BUG at |general protection fault|invalid opcode|Oops: ).*)',
);

/** Reads one console line after another and keeps track of which kernel is speaking. */
export interface ConsoleReader {
  line(text: string): EventBody[];
}

/**
 * A reader that starts with the production kernel. A later kernel is the capture kernel only when its command line
 * carries `elfcorehdr=` (kexec-tools adds it; Documentation/admin-guide/kdump); without it the machine rebooted,
 * which a panic with no crash kernel and panic=-1 looks like.
 */
export function createConsoleReader(): ConsoleReader {
  let side: Side = 'production';
  // A banner says that some kernel starts; its command line, a line later, says which.
  let bannerOpen = false;
  let panicked = false;

  function read(text: string): EventBody[] {
    const events: EventBody[] = [];
    const banner = BANNER.exec(text);
    if (banner?.[1] !== undefined) {
      bannerOpen = true;
      events.push({ type: 'kernel-banner', release: banner[1] });
      return events;
    }
    const commandLine = bannerOpen ? COMMAND_LINE.exec(text) : null;
    if (commandLine !== null) {
      bannerOpen = false;
      if (/(^|\s)elfcorehdr=/.test(commandLine[1] ?? '')) {
        side = 'capture';
        panicked = false;
        events.push({ type: 'capture-command-line' });
      } else if (panicked || side === 'capture') {
        // Without a panic before it this is the same kernel's log again: a boot console's lines are replayed
        // when the real console registers.
        side = 'rebooted';
        panicked = false;
        events.push({ type: 'reboot-command-line' });
      }
      return events;
    }
    if (PANIC_END.test(text)) return [{ type: 'panic-ended', side }];
    const panic = PANIC.exec(text);
    if (panic !== null) {
      panicked = true;
      return [{ type: 'panic', message: panic[1] ?? '', side }];
    }
    if (REBOOT.test(text)) return [{ type: 'reboot-announced', side }];
    const oops = OOPS.exec(text);
    if (oops?.[1] !== undefined) events.push({ type: 'oops', message: oops[1], side });
    for (const signature of SIGNATURES) {
      const match = signature.side === side ? signature.pattern.exec(text) : null;
      if (match === null) continue;
      const { name, degrades } = signature;
      events.push({ type: 'signature', name, side, degrades, text: match[0] });
    }
    return events;
  }

  return {
    line(raw) {
      const text = stripAnsi(raw);
      const events = read(text);
      // An escape sequence that userspace left unfinished would swallow the time stamp behind it.
      return events.length > 0 || text === raw ? events : read(raw);
    },
  };
}
