import type { Debugger, Registers } from '../machine/debugger.js';
import { GdbTimeoutError } from '../qemu/gdbstub/index.js';
import { isRam, type MemoryMap } from '../standstill/ram.js';
import { finishReadingAsync, translate } from '../symbols/index.js';
import { orUnreadable } from './debugger.js';
import type { SteppedVcpu } from './follow-loop.js';
import { tablesOf } from './kernel-memory.js';

const STEP_DEADLINE_MS = 2_000;
/** Stops at the place that is returned to, with another stack. */
const MOST_RETURNS = 4;
const PAGE = 4096n;

/** One vCPU of a stopped machine, stepped through its debugger. */
export function steppedVcpu(
  vcpu: number,
  { gdb, memory }: { readonly gdb: Debugger; readonly memory: MemoryMap },
): SteppedVcpu {
  const pages = new Map<string, bigint | undefined>();
  let registers: Registers | undefined;
  return {
    async registers() {
      registers = await gdb.readRegisters(vcpu);
      return registers;
    },
    read: (address, length) => orUnreadable(gdb.readMemory(address, length, { vcpu })),
    async physicalOf(address) {
      registers ??= await gdb.readRegisters(vcpu);
      const page = address - (address % PAGE);
      const key = `${registers.cr3} ${page}`;
      if (!pages.has(key)) {
        const found = await finishReadingAsync(translate(page, tablesOf(registers)), (request) =>
          orUnreadable(gdb.readPhysicalMemory(request.address, request.length)),
        );
        pages.set(key, found?.address);
      }
      const base = pages.get(key);
      return base === undefined ? undefined : base + (address % PAGE);
    },
    async step() {
      try {
        await gdb.step(vcpu, { deadlineMs: STEP_DEADLINE_MS });
        return true;
      } catch (error) {
        if (!(error instanceof GdbTimeoutError)) throw error;
        await gdb.interrupt();
        return false;
      }
    },
    async returnTo({ rip, rsp }) {
      await gdb.setBreakpoint(rip, 'hardware');
      try {
        for (let stops = 0; stops < MOST_RETURNS; stops += 1) {
          await gdb.continueVcpus([vcpu]);
          await gdb.waitForStop({ deadlineMs: STEP_DEADLINE_MS });
          const now = await gdb.readRegisters(vcpu);
          if (now.rip === rip && now.rsp === rsp) return true;
        }
        return false;
      } catch (error) {
        if (!(error instanceof GdbTimeoutError)) throw error;
        return false;
      } finally {
        await gdb.interrupt();
        await gdb.removeBreakpoint(rip, 'hardware');
      }
    },
    isRam: (physical) => isRam(physical, memory),
  };
}
