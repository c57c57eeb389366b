import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RUN_FILES } from './arguments.js';

/** The log of one cycle has some kilobytes; what a guest may make of it is bounded by reading this much. */
const MOST_CHARACTERS = 16 * 1024 * 1024;

/**
 * Why the machine reset: QEMU names a triple fault in its `-d cpu_reset` log (target/i386/tcg/excp_helper.c, 7.2), so
 * that another reset is one without that line. Undefined where the log says nothing: when it is empty, and under KVM,
 * where it has the machine's own resets (hw/core/cpu-common.c) and never names a triple fault.
 */
export async function resetKind(
  directory: string,
  accel: 'kvm' | 'tcg',
): Promise<'triple fault' | 'other reset' | undefined> {
  if (accel !== 'tcg') return undefined;
  const text = await readFile(join(directory, RUN_FILES.qemuLog), 'latin1').catch(() => '');
  return kindIn(text.slice(-MOST_CHARACTERS));
}

/** See {@link resetKind}. Pure. */
export function kindIn(log: string): 'triple fault' | 'other reset' | undefined {
  if (/^Triple fault$/m.test(log)) return 'triple fault';
  return log.includes('CPU Reset') ? 'other reset' : undefined;
}
