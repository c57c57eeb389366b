/** How a program on another host ended. */
export interface ProgramEnd {
  /** Undefined when it was killed at its deadline. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Its deadline passed. */
  readonly late: boolean;
}

/** Bounds of a program on another host. */
export interface ProgramOptions {
  readonly deadlineMs: number;
  /** What it reads from its standard input. */
  readonly input?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onFirstOutput?: (() => void) | undefined;
}

/** Another host, as the questions about its QEMU and its accelerator see it. All throw `HostLost` when it is lost. */
export interface ProgramHost {
  /** As results and messages name it. */
  readonly name: string;
  /** The boot of its kernel; undefined where it does not tell. */
  bootId(): Promise<string | undefined>;
  /** Absolute path of a program; undefined when there is none. */
  find(binary: string): Promise<string | undefined>;
  /** Whether a device opens for reading and writing. */
  tryDevice(path: string): Promise<'opens' | 'absent' | 'denied' | 'broken'>;
  /** Runs a program to its end; it is killed at the deadline, and when the connection ends. */
  run(path: string, args: readonly string[], options: ProgramOptions): Promise<ProgramEnd>;
  /** Makes the content a file there. Returns its absolute path. */
  keep(content: Uint8Array): Promise<string>;
}
