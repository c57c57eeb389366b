/** A console line that means something for the verdict of a capture. */
export interface Signature {
  readonly name: string;
  readonly pattern: RegExp;
  /** Which kernel must have printed it for it to count; `both`: what the crash changed is told by comparing them. */
  readonly side: 'production' | 'capture' | 'both';
  /**
   * True when a capture that shows it is degraded: with `both`, unless the production kernel printed it as well before
   * the crash (then it is the machine's, not the crash's).
   */
  readonly degrades: boolean;
  /** Kernel source of the message. */
  readonly source: string;
}
