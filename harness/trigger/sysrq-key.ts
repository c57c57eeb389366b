import { z } from 'zod';

/** The sysrq commands that are keys of a keyboard without modifiers; `c` crashes. */
export const SysrqKeySchema = z.enum([
  ...(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const),
  ...(['i', 'j', 'k', 'l', 'm', 'n', 'o', 'p', 'q', 'r', 's', 't', 'u', 'v', 'w', 'x', 'y', 'z'] as const),
]);

export type SysrqKey = z.infer<typeof SysrqKeySchema>;
