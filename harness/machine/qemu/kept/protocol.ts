import { z } from 'zod';

/** What crashpath tells a supervisor, one JSON object a line on its stdin. */
export type Command =
  | { readonly do: 'start'; readonly command: readonly string[] }
  | { readonly do: 'end' }
  /** `files` are removed with the guest. */
  | { readonly do: 'keep'; readonly minutes: number; readonly files: readonly string[] };

/** What it answers, one JSON object a line on its stdout. */
export const ReportSchema = z.discriminatedUnion('report', [
  z.object({ report: z.literal('started'), pid: z.number().int() }),
  z.object({ report: z.literal('failed'), why: z.string() }),
  z.object({ report: z.literal('stderr'), tail: z.string() }),
  z.object({
    report: z.literal('exit'),
    code: z.number().nullable(),
    signal: z.string().nullable(),
    stderr: z.string(),
  }),
  z.object({ report: z.literal('kept') }),
]);
export type Report = z.infer<typeof ReportSchema>;
