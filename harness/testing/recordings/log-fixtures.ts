import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CAUSE_NAMES } from '../../classify/known-causes.js';
import type { LogReport } from '../../console-log/log-report.js';
import { createLogReader } from '../../console-log/read-log.js';
import { TESTDATA } from './fixtures.js';

/** Between a fixture's header and its log. */
const DIVIDER = '---- log ----\n';

const words = z
  .string()
  .default('')
  .transform((text) => text.split(' ').filter((word) => word !== ''));

const HeaderSchema = z.strictObject({
  /** The kind of log, one sentence. */
  kind: z.string().min(1),
  /** The public report of that kind: an address, or a list with a date. */
  report: z.string().min(1),
  /** `verdict/detail` of each crash, in order; `none`: the log shows no crash. */
  expect: words,
  /** All causes that are named, of all crashes, in any order. */
  causes: words.pipe(z.array(z.enum(CAUSE_NAMES))),
  /** Verdicts and causes that must not be named. */
  never: words,
  /** A part of one suggested command. */
  next: z.string().optional(),
});

/** A plain log that was written after a kind of public report, with what a person expects of it. */
export interface LogFixture extends z.infer<typeof HeaderSchema> {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Reads all plain logs of the tests. */
export async function logFixtures(): Promise<LogFixture[]> {
  const directory = join(TESTDATA, 'logs');
  const names = (await readdir(directory)).filter((name) => name.endsWith('.log')).sort();
  return Promise.all(
    names.map(async (name) => {
      const file = await readFile(join(directory, name));
      const at = file.indexOf(DIVIDER);
      const rows = file
        .subarray(0, at)
        .toString('utf8')
        .split('\n')
        .filter((row) => row !== '')
        .map((row) => [row.slice(0, row.indexOf(':')), row.slice(row.indexOf(':') + 1).trim()] as const);
      return {
        ...HeaderSchema.parse(Object.fromEntries(rows)),
        name: name.replace(/\.log$/, ''),
        bytes: file.subarray(at + DIVIDER.length),
      };
    }),
  );
}

/** Reads a log in chunks of this many bytes. */
export function readLogText(bytes: Buffer, chunk = 65_536): LogReport {
  const reader = createLogReader('test.log');
  for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.subarray(at, at + chunk));
  return reader.finish();
}
