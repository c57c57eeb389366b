import type { MachineLog } from '../machine.js';

/**
 * Run states in which QEMU has given a guest up and will not resume it (qapi/run-state.json, RunState, 7.2). With KVM
 * `internal-error` follows an exit that QEMU cannot handle, such as KVM_EXIT_INTERNAL_ERROR (accel/kvm/kvm-all.c,
 * kvm_cpu_exec()): the vCPU stays stopped, which looks like a spin, and QEMU neither exits nor shuts down.
 */
const GIVEN_UP: ReadonlySet<string> = new Set(['internal-error', 'io-error']);

/** The part of a QMP client that is used. */
export interface RunStateSource {
  onEvent(listener: (event: { readonly name: string }) => void): () => void;
  execute(command: 'query-status'): Promise<{ readonly status: string }>;
}

/**
 * Records a harness fault when QEMU gives the guest up, so that a failure of the host is never taken for a hang of the
 * kernel. A debugger's stops do not count. Returns the function that ends the watch. `stderrTail` has QEMU's message.
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
      // A QEMU that does not answer is detected elsewhere.
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
