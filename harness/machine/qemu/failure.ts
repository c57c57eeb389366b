import { QmpClosedError, QmpError } from '../../qemu/qmp/index.js';
import { QtestClosedError, QtestError } from '../../qemu/qtest/index.js';
import { MachineFailure } from '../machine.js';

/** Waits for an answer of QEMU; an error of its clients becomes a {@link MachineFailure} with the same message. */
export async function answer<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof QmpError) throw failure(error, error instanceof QmpClosedError);
    if (error instanceof QtestError) throw failure(error, error instanceof QtestClosedError);
    throw error;
  }
}

function failure(cause: Error, gone: boolean): MachineFailure {
  return new MachineFailure(cause.message, { gone, cause });
}
