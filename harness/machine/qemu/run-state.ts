import type { MachineLog } from '../machine.js';

/**
 * Run states in which QEMU has given a guest up and will not resume it (qapi/run-state.json, RunState, 7.2). With KVM
 * `internal-error` follows an exit that QEMU cannot handle, such as KVM_EXIT_INTERNAL_ERROR (accel/kvm/kvm-all.c,
 * kvm_cpu_exec()): its vCPU stands still for ever, like one that spins, and QEMU neither exits nor shuts down.
 */
const GIVEN_UP: ReadonlySet<string> = new Set(['internal-error', 'io-error']);

/** What is asked of a QMP client. */
export interface RunStateSource {
  onEvent(listener: (event: { readonly name: string }) => void): () => void;
  execute(command: 'query-status'): Promise<{ readonly status: string }>;
}

/**
 * Records a harness fault when QEMU gives the guest up, so that a host's failure is never taken for a hang of the
 * kernel. A debugger's stops are none. Returns what ends the watch. `stderrTail` is where QEMU says what happened.
 */
export function watchRunState(
  qmp: RunStateSource,
  { log, stderrTail }: { log: Pick<MachineLog, 'fact'>; stderrTail: () => string },
): () => void {
  let asking = false;
  let stoppedSince = false;
  const ask = async () => {
    asking = true;
    do {
      stoppedSince = false;
      // A QEMU that does not answer has its own ways to be noticed.
      const status = await qmp.execute('query-status').then(
        (state) => state.status,
        () => '',
      );
      if (GIVEN_UP.has(status)) {
        const said = stderrTail().trim();
        const more = said === '' ? '' : `; it said: ${said}`;
        log.fact({ fact: 'harness-fault', message: `QEMU stopped the guest: ${status}${more}` });
      }
    } while (stoppedSince);
    asking = false;
  };
  return qmp.onEvent(({ name }) => {
    if (name !== 'STOP') return;
    stoppedSince = true;
    if (!asking) void ask();
  });
}
