import type { HostFact } from '../model/record.js';
import type { InputSendEventArgsEventsKeyDataKey } from '../qemu/qmp/index.js';

/** A key as QEMU names it (QKeyCode). */
export type KeyName = Extract<InputSendEventArgsEventsKeyDataKey, { type: 'qcode' }>['data'];

/** How a script in the guest ended. */
export interface ScriptEnd {
  readonly status: number;
  readonly output: string;
}

/** What a trigger may do to a guest; the run implements it. */
export interface Target {
  /** Has the guest announce and run a shell script in which it is expected to die; resolves at the announcement. */
  fireScript(script: string): Promise<void>;
  /** As fireScript, then waits for what comes first: the script's end, or (undefined) a sign that the guest dies. */
  fireScriptToEnd(script: string): Promise<ScriptEnd | undefined>;
  /** Runs a shell script in the guest; `what` names it when the guest does not answer in time. */
  runScript(script: string, what: string): Promise<ScriptEnd>;
  /** QMP inject-nmi. */
  injectNmi(): Promise<void>;
  /** QMP chardev-send-break on the console's line. */
  sendBreak(): Promise<void>;
  /** Bytes typed at the console's line. */
  typeAtConsole(text: string): void;
  /** QMP input-send-event: presses a key and does not let go. */
  holdKey(key: KeyName): Promise<void>;
  /** Records a proof; one that is not given ends the run (void). */
  require(proof: { what: string; proved: boolean; saw: string }): void;
  /** Records what was done. */
  fact(fact: HostFact): void;
}
