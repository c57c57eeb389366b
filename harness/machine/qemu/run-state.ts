import { escapeGuestText } from '../../model/escape.js';
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
 * Records when QEMU gives the guest up, so that it is never taken for a hang of the kernel: a harness fault when what QEMU
 * printed shows that the host failed, else the fact `given-up`. A debugger's stops do not count. Returns the function that ends the watch. `stderrTail` has QEMU's message.
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
        const { whose, why } = whoseFault(stderrTail());
        if (whose === 'host')
          log.fact({ fact: 'harness-fault', message: `QEMU stopped the guest: ${status}; ${why}` });
        else log.fact({ fact: 'given-up', state: status, whose, why });
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

/** Why QEMU gave a guest up, and whose fault that is. */
export interface GivenUp {
  readonly whose: 'host' | 'guest' | 'unknown';
  readonly why: string;
}

/** Suberrors of KVM_EXIT_INTERNAL_ERROR (include/uapi/linux/kvm.h, Linux 6.1). */
const SUBERRORS: ReadonlyMap<number, string> = new Map([
  [1, 'an instruction that it cannot emulate'],
  [2, 'exceptions at the same time'],
  [3, 'an exit while it delivered an event'],
  [4, 'an exit that it does not know'],
]);
const EMULATION = 1;
/** QEMU prints the registers as well, which are read elsewhere. */
const MOST_CHARACTERS = 300;

/**
 * Whose fault it is, from the end of QEMU's stderr (accel/kvm/kvm-all.c, kvm_handle_internal_error() and kvm_cpu_exec();
 * target/i386/cpu-dump.c; 7.2). An instruction that KVM cannot emulate is the guest's own fault where its bytes cannot be
 * read, which QEMU prints as `Code=... <??>`: the guest jumped to where no memory is. Elsewhere it may be KVM's
 * limitation, or code that no kernel has. All other reports are about KVM or the host. Without a report nothing is known.
 * Pure.
 */
export function whoseFault(stderr: string): GivenUp {
  const suberror = /^KVM internal error\. Suberror: (\d{1,9})/m.exec(stderr)?.[1];
  const at = /^[RE]IP ?=([0-9a-f]{8,16}) /m.exec(stderr)?.[1];
  const where = at === undefined ? '' : ` at 0x${at.replace(/^0+(?=.)/, '')}`;
  if (suberror !== undefined) {
    const number = Number(suberror);
    const why = `KVM internal error, suberror ${number}: ${SUBERRORS.get(number) ?? 'of a kind that is not known'}${where}`;
    if (number !== EMULATION) return { whose: SUBERRORS.has(number) ? 'host' : 'unknown', why };
    const isNowhere = /^Code=.*<\?\?>/m.test(stderr);
    return isNowhere ? { whose: 'guest', why: `${why}, where no memory is` } : { whose: 'unknown', why };
  }
  const said = escapeGuestText(stderr.trim().split('\n').at(-1) ?? '', MOST_CHARACTERS);
  const host = /^(?:KVM: entry failed, hardware error 0x|error: kvm run failed )/m.exec(stderr);
  if (host !== null) {
    const line = escapeGuestText(stderr.slice(host.index).split('\n', 1)[0] ?? '', MOST_CHARACTERS);
    return { whose: 'host', why: `it said: ${line}${where}` };
  }
  return { whose: 'unknown', why: said === '' ? 'it said nothing' : `it said: ${said}` };
}
