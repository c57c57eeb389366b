import { errnoOf } from '../model/errno.js';

/** Signals a whole process group; one that is gone already, or never was, is what was wanted. */
export function signalGroup(groupId: number | undefined, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (groupId === undefined) return;
  try {
    process.kill(-groupId, signal);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}
