import { errnoOf } from '../model/errno.js';

/** Signals a whole process group; does nothing when it is gone already, or never existed. */
export function signalGroup(groupId: number | undefined, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (groupId === undefined) return;
  try {
    process.kill(-groupId, signal);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}
