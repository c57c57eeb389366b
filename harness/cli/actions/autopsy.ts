import { stat } from 'node:fs/promises';
import { harnessFault, usageFault } from '../../model/fault.js';
import type { AutopsyOptions } from '../words/autopsy.js';
import { givenAmong } from '../words/shared-options.js';
import { complain } from '../context.js';
import { interruptible } from './interruptible.js';

const QEMU_OPTIONS = ['gdb', 'stop', 'vmcore', 'vmcore-format'] as const;
const SYMBOL_OPTIONS = ['kallsyms', 'vmlinux', 'kernel'] as const;

/** Prints the autopsy of a machine, a dump or a stored run. Returns the exit code. */
export async function autopsy(options: AutopsyOptions): Promise<number> {
  const { what, qmp, vmcore } = options;
  checkOptions(options);
  const stopping = interruptible();
  try {
    if (qmp !== undefined) {
      return await (await import('./autopsy-qemu.js')).autopsyQemu({ ...options, qmp }, stopping.signal);
    }
    const named = what ?? '';
    if (await isFile(named)) {
      return await (await import('./autopsy-dump.js')).autopsyDump(named, {
        ...options,
        signal: stopping.signal,
      });
    }
    const given = givenAmong(options, SYMBOL_OPTIONS);
    if (given.length > 0) {
      throw usageFault(
        `cannot find dump "${named}": there is no such file; give a dump's path, or leave ${given.join(' and ')} out for a stored run`,
      );
    }
    return await (await import('./autopsy-run.js')).autopsyRun(named, options);
  } catch (error) {
    if (stopping.caught === undefined) throw error;
    // A machine that could not be continued is more important than the signal.
    if (error !== stopping.signal.reason && error instanceof Error) complain(`crashpath: ${error.message}`);
    else
      complain(
        `crashpath: stopped by ${stopping.caught.name}; the machine is as it was${vmcore === undefined ? '' : `, and "${vmcore}" is not complete`}`,
      );
    return 128 + stopping.caught.number;
  } finally {
    stopping.release();
  }
}

function checkOptions(options: AutopsyOptions): void {
  const { what, qmp } = options;
  if (qmp === undefined && what === undefined) {
    throw usageFault('cannot make an autopsy: nothing is named; give --qmp SOCKET, a dump or a run');
  }
  if (qmp !== undefined && what !== undefined) {
    throw usageFault(`cannot use --qmp with "${what}": one machine is read at a time; give one of them`);
  }
  const foreign = qmp === undefined ? givenAmong(options, QEMU_OPTIONS) : [];
  if (foreign.length > 0) {
    throw usageFault(
      `cannot use ${foreign.join(' and ')} without --qmp: it is about a QEMU that runs; give --qmp SOCKET, or leave it out`,
    );
  }
  const symbols = givenAmong(options, SYMBOL_OPTIONS);
  if (symbols.length > 1) {
    throw usageFault(
      `cannot use ${symbols.join(' and ')} together: symbols come from one place; give one of them`,
    );
  }
  if (options['vmcore-format'] !== undefined && options.vmcore === undefined) {
    throw usageFault(
      'cannot use --vmcore-format without --vmcore: it is the form of that file; give --vmcore FILE',
    );
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return !(await stat(path)).isDirectory();
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return false;
    }
    throw harnessFault(`cannot read "${path}": permission denied; run crashpath as its owner`, error);
  }
}
