import { connectGdb, type GdbClient, type GdbOptions } from '../../qemu/gdbstub/index.js';
import { type FakeBehaviour, type FakeStub, fakeStub } from './gdb-stub.js';

/** Short enough for a test, long enough for a busy machine to answer. */
const DEADLINE_MS = 500;

/** True for packets that let vCPUs run. */
export const isResume = (packet: string): boolean => packet.startsWith('vCont;');

/** A client that is connected to a fake stub; both end on dispose. */
export async function pair(
  behave: FakeBehaviour,
  options: GdbOptions = {},
): Promise<{ stub: FakeStub; gdb: GdbClient } & AsyncDisposable> {
  const stub = await fakeStub(behave);
  const gdb = await connectGdb({ path: stub.path }, { deadlineMs: DEADLINE_MS, ...options });
  return {
    stub,
    gdb,
    [Symbol.asyncDispose]: async () => {
      await gdb.close({ guest: 'leave' });
      await stub[Symbol.asyncDispose]();
    },
  };
}
