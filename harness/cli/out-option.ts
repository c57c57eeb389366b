import { nonEmpty } from './words/option-values.js';

/** `--out`, for the commands that read or write runs. */
export const OUT_OPTION = {
  type: 'string',
  default: 'runs',
  requiresArg: true,
  coerce: (value: unknown) => nonEmpty('--out')(value) ?? 'runs',
  describe: 'Where the runs are kept',
} as const;
