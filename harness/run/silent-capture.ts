import { faultFact } from '../machine/fault-fact.js';
import type { KernelSide } from '../timeline/tables-seen.js';
import { RunEnded } from './event-waits.js';
import { type Guest, isPassing } from './guest.js';
import { type PostMortem, readKernelLogs } from './post-mortem.js';

/** Each further look comes after twice the time: a look stops the machine for up to a second. */
const LATER = 2;
const SIDES: readonly KernelSide[] = ['capture'];

/**
 * Watches a capture kernel that is known to run by its page tables and prints nothing, from its start or any longer:
 * reads its log out of memory now and then. A panic that is found there ends the run, as one on the console does. A boot
 * console may be loud before `loglevel=0` silences even a panic (include/linux/printk.h, console_verbose(), v6.1).
 * Resolves when the capture kernel's userspace reports, or the run ends. A machine without a debugger is not watched, nor
 * one whose vCPUs a choreography may hold. Never rejects: a failure is recorded, and ends the run.
 */
export async function watchSilentCapture(guest: Guest, options: PostMortem): Promise<void> {
  const { watch, machine } = guest;
  if (machine.abilities.debugger === undefined || options.session !== undefined) return;
  try {
    await watch.tryWaitFor('jumped', (event) => event.place === 'capture-kernel', 'totalMs');
    for (let waitMs = watch.msOf('silentMs'); ; ) {
      const { receivedBytes } = watch;
      const sign = await watch.tryWaitFor('capture-hello', () => true, waitMs);
      // The post-mortem must not be disturbed.
      if (sign !== undefined || watch.ended !== undefined) return;
      const isSilent = watch.receivedBytes === receivedBytes;
      waitMs = isSilent ? waitMs * LATER : watch.msOf('silentMs');
      if (isSilent) await look(guest, options);
    }
  } catch (error) {
    if (error instanceof RunEnded || watch.ended !== undefined) return;
    // The machine may be stopped now, and what follows would look like a hang.
    watch.fact(faultFact(error));
  }
}

/** Reads the log once. A debugger or a monitor that does not answer in time may answer at the next look. */
async function look(guest: Guest, options: PostMortem): Promise<void> {
  try {
    await guest.whileStopped((gdb) => readKernelLogs(guest, gdb, { ...options, sides: SIDES }));
  } catch (error) {
    if (!isPassing(error)) throw error;
  }
}
