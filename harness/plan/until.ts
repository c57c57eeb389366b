import { z } from 'zod';
import { VERDICT_WORDS, VERDICTS } from '../model/verdict.js';

/** When the trials of a cell are enough: after so many runs with one of these verdicts. */
export const UntilSchema = z.object({
  count: z.number().int().min(1).max(10_000),
  verdicts: z.array(z.enum(VERDICT_WORDS)).min(1),
});
export type Until = z.infer<typeof UntilSchema>;

/** The verdicts that are hangs: of the crash path, in purgatory, of the capture kernel. */
export const HANGS = VERDICT_WORDS.filter((word) => VERDICTS[word].trialClass === 'hung');
