import type { HostFact } from '../model/record.js';

/** What a trigger may do to a guest; the run implements it. */
export interface Target {
  /** Has the guest announce and run a shell script in which it is expected to die; resolves at the announcement. */
  fireScript(script: string): Promise<void>;
  /** QMP inject-nmi. */
  injectNmi(): Promise<void>;
  /** Records what was done. */
  fact(fact: HostFact): void;
}
