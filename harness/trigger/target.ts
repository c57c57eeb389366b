import type { MachineCheck } from '../model/machine-check.js';
import type { HostFact } from '../model/record.js';
import type { SysrqKey } from './sysrq-key.js';

/** A key as QEMU names it (QKeyCode). */
export type KeyName = 'alt' | 'sysrq' | SysrqKey;

/** How a script in the guest ended. */
export interface ScriptEnd {
  readonly status: number;
  readonly output: string;
}

/** A copy into the guest, under way or done. */
export interface Copy {
  /** Bytes handed to the session so far; its window buffers about 2 MiB. */
  readonly sentBytes: number;
  /** sha256 of the whole copy, hex, once it is done. Rejects when the session ends before. */
  readonly done: Promise<string>;
}

/** An ssh session with a guest. */
export interface SshSession {
  /** Runs a command to its end. */
  run(command: string): Promise<{ status: number | null; output: string }>;
  /** Starts a command that first waits for a line; the returned function sends the line. */
  arm(command: string): Promise<() => void>;
  /** Copies `size` random bytes into a file of the guest, as `scp` would: over the session's own channel. */
  copy(path: string, size: number): Promise<Copy>;
  close(): void;
}

/** A key pair for one run; it is never stored in a file. */
export interface UserKey {
  readonly privateKey: string;
  /** One line for authorized_keys. */
  readonly publicKey: string;
}

/** A network whose only outgoing connection leads to an ssh client of the host. */
export interface SshAccess {
  /** The guest's address with its prefix length, and the host's address and port. */
  readonly network: { readonly guest: string; readonly host: string; readonly port: number };
  /** A fresh Ed25519 pair. */
  freshUserKey(): Promise<UserKey>;
  /**
   * Logs in as root over the guest's connection to the host. The host key must be the one that the guest sent over the
   * control channel (`ssh-ed25519 AAAA...`). Rejects when the handshake fails; it has no deadline.
   */
  login(options: { user: UserKey; hostKey: string }): Promise<SshSession>;
}

/** What a machine may offer a trigger besides the control channel, by name. */
export interface Abilities {
  /** An NMI to the boot CPU. */
  readonly nmi: { inject(): Promise<void> };
  /** Machine checks. */
  readonly machineCheck: { inject(error: MachineCheck): Promise<string> };
  /** The host's end of the console's serial line. */
  readonly serial: {
    sendBreak(): Promise<void>;
    /** Bytes typed at the line. */
    type(text: string): void;
  };
  /** A PS/2 keyboard. */
  readonly keyboard: {
    /** Presses a key and keeps it pressed. */
    hold(key: KeyName): Promise<void>;
  };
  readonly ssh: SshAccess;
}

export type AbilityName = keyof Abilities;

/** Abilities in words: what a proof says that the machine has. */
export const ABILITY_WORDS: Readonly<Record<AbilityName, string>> = {
  nmi: 'an NMI button',
  machineCheck: 'machine checks that can be injected',
  serial: 'a serial console that takes a BREAK',
  keyboard: 'a keyboard',
  ssh: 'a network card with a way out for ssh',
};

/** Those that a machine has; one that it lacks is undefined or absent. */
export type SomeAbilities = { readonly [Name in AbilityName]?: Abilities[Name] | undefined };

/** What a trigger needs of a machine. `debugger` and `interrupts` are used by the choreography's interpreter (choreo/). */
export type Need = AbilityName | 'debugger' | 'interrupts';

/** What a trigger may do to the machine under test; the run implements it. An ability that the machine lacks is absent. */
export interface Target extends SomeAbilities {
  /** Makes the guest announce and run a shell script in which it is expected to die; resolves at the announcement. */
  fireScript(script: string): Promise<void>;
  /** As fireScript, then waits for the script's end or (undefined) a sign that the guest dies, whichever is first. */
  fireScriptToEnd(script: string): Promise<ScriptEnd | undefined>;
  /** Runs a shell script in the guest; `what` names it in the message when the guest does not answer in time. */
  runScript(script: string, what: string): Promise<ScriptEnd>;
  /** Longest wait for one answer of the guest, ms. */
  readonly replyMs: number;
  /** Records a proof; one that is not established ends the run (void). */
  require(proof: { what: string; proved: boolean; saw: string }): void;
  /** Records what was done. */
  fact(fact: HostFact): void;
  /** The guest's own time, ms: the host's, less that in which QEMU got no CPU. */
  now(): number;
  /** Resolves after `ms`; rejects at once when `signal` is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
