import { z } from 'zod';

/** What crashpath tells a supervisor, one JSON object a line on its stdin. `files` are removed with a kept guest. */
export const CommandSchema = z.discriminatedUnion('do', [
  z.object({ do: z.literal('start'), command: z.array(z.string()).min(1) }),
  z.object({ do: z.literal('end') }),
  z.object({ do: z.literal('keep'), minutes: z.number().positive(), files: z.array(z.string()) }),
]);
export type Command = z.infer<typeof CommandSchema>;

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
