import type { QmpClient } from '../../qemu/qmp/index.js';
import type { MachineChecks } from '../machine.js';
import { answer } from './failure.js';

/**
 * HMP `mce [-b] CPU BANK STATUS MCGSTATUS ADDR MISC` (QEMU 7.2, hmp-commands.hx; target/i386/helper.c,
 * cpu_x86_inject_mce()). It prints nothing when it has put the error into the bank.
 */
export function machineChecks(qmp: Pick<QmpClient, 'execute'>): MachineChecks {
  return {
    async inject({ cpu, bank, status, mcgStatus, addr, misc, broadcast }) {
      const registers = [status, mcgStatus, addr, misc].map((bits) => `0x${bits.toString(16)}`);
      const line = ['mce', ...(broadcast ? ['-b'] : []), cpu, bank, ...registers].join(' ');
      return (await answer(qmp.execute('human-monitor-command', { 'command-line': line }))).trim();
    },
  };
}
