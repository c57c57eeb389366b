import type { PatternRow } from './pattern-set.js';

/** A console line that matters for the verdict of a capture. */
export interface Signature extends PatternRow {
  readonly name: string;
  /** Which kernel must have printed it for it to count; `both`: the two kernels are compared. */
  readonly side: 'production' | 'capture' | 'both';
  /**
   * True when a capture that shows it is degraded. With `both`, it is not when the first kernel printed the line as
   * well before the crash: then the machine causes it, not the crash.
   */
  readonly degrades: boolean;
  /** Kernel source of the message. */
  readonly source: string;
}
