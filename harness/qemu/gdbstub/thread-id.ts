/** A thread as the stub names it. QEMU's system emulator makes every vCPU a thread: tid = CPU index + 1. */
export interface GdbThread {
  /** Present in the multiprocess form `pPID.TID`; x86 machines have process 1 only. */
  readonly pid: number | undefined;
  readonly tid: number;
}

/** Reads `01` or `p01.01` (hexadecimal). `undefined` for anything else, "all" (-1) and "any" (0) included. */
export function parseThreadId(text: string): GdbThread | undefined {
  const match = /^(?:p(?<pid>[0-9a-f]{1,8})\.)?(?<tid>[0-9a-f]{1,8})$/iu.exec(text);
  const { pid, tid } = match?.groups ?? {};
  if (tid === undefined) return undefined;
  const thread = {
    pid: pid === undefined ? undefined : Number.parseInt(pid, 16),
    tid: Number.parseInt(tid, 16),
  };
  return thread.tid === 0 || thread.pid === 0 ? undefined : thread;
}

/** The same in the form in which the stub gave it. */
export function formatThreadId({ pid, tid }: GdbThread): string {
  return pid === undefined ? tid.toString(16) : `p${pid.toString(16)}.${tid.toString(16)}`;
}

/** vCPU index of a thread (QEMU gdbstub: index + 1, because 0 means "any"). */
export function vcpuOf({ tid }: GdbThread): number {
  return tid - 1;
}
