import picocolors from 'picocolors';
import type { Outcome } from '../model/verdict.js';

/** Options of text for people. */
export interface TextOptions {
  /** Colour with terminal sequences; the text has the same information without. */
  readonly color: boolean;
}

/** The colours of a report. */
export interface Palette {
  readonly outcome: Readonly<Record<Outcome, (text: string) => string>>;
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

/** Colours, or functions that leave text unchanged when `color` is false. */
export function palette({ color }: TextOptions): Palette {
  const { green, red, yellow, magenta, bold, dim } = picocolors.createColors(color);
  return {
    outcome: { expected: green, unexpected: red, inconclusive: yellow, 'harness-error': magenta },
    bold,
    dim,
  };
}
