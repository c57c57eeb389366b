import { appendFile, lstat, writeFile } from 'node:fs/promises';
import { writeWhole } from '../../cache/write-whole.js';
import { type ReportedDirectory, readReported } from '../../campaign/read-reported.js';
import { pageText } from '../../campaign/write-page.js';
import { errnoOf, messageOf, reasonFor } from '../../model/errno.js';
import { EXIT, harnessFault } from '../../model/fault.js';
import type { FormatName } from '../../report/formats/format-names.js';
import { githubReport } from '../../report/formats/github.js';
import { junitXml } from '../../report/formats/junit.js';
import { kcidbJson } from '../../report/formats/kcidb.js';
import { ktapText } from '../../report/formats/ktap.js';
import { markdownText } from '../../report/formats/markdown.js';
import type { Report } from '../../report/formats/report-model.js';
import { reportOf } from '../../report/formats/report-of.js';
import { tapText } from '../../report/formats/tap.js';
import { version } from '../context.js';
import { type Destination, destinationsOf, type ReportArguments } from '../words/report.js';

/** Formats that are one text made of the report alone. */
const TEXTS = {
  junit: junitXml,
  ktap: ktapText,
  tap: tapText,
  markdown: (report: Report) => markdownText(report),
} as const satisfies Partial<Record<FormatName, (report: Report) => string>>;

/** Writes stored runs in the formats that were asked for. Nothing is written when one of them cannot be made. */
export async function reportRuns(argv: ReportArguments): Promise<number> {
  const destinations = destinationsOf(argv);
  const stored = await readReported(argv.directory);
  const report = reportOf({ ...stored.input, version: version() });
  const written: (() => Promise<void>)[] = [];
  for (const destination of destinations) written.push(await prepared(destination, { argv, stored, report }));
  for (const write of written) await write();
  return EXIT.expected;
}

async function prepared(
  { format, output }: Destination,
  { argv, stored, report }: { argv: ReportArguments; stored: ReportedDirectory; report: Report },
): Promise<() => Promise<void>> {
  switch (format) {
    case 'github':
      return writeGithub(report, output);
    case 'html': {
      const { title, runs, night } = stored.input;
      const results = runs.flatMap(({ result }) => (result === undefined ? [] : [result]));
      const plans = runs.flatMap(({ plan }) => (plan === undefined ? [] : [plan]));
      const text = await pageText({ title, results, plans, night, crashpathVersion: version() });
      return () => put(output, text);
    }
    case 'kcidb': {
      const text = kcidbJson(report, argv.origin ?? '');
      return () => put(output, text);
    }
    case 'junit':
    case 'ktap':
    case 'tap':
    case 'markdown': {
      const text = TEXTS[format](report);
      return () => put(output, text);
    }
  }
}

/** Annotations work on stdout only; the summary is appended to the step's file, as its other parts are. */
function writeGithub(report: Report, output: string | undefined): () => Promise<void> {
  const { annotations, summary } = githubReport(report);
  const step = process.env['GITHUB_STEP_SUMMARY'] ?? '';
  return async () => {
    process.stdout.write(annotations);
    if (output !== undefined || step === '') await put(output, summary);
    // Another step may have left its last line open.
    else await write(step, () => appendFile(step, `\n${summary}`), 'set GITHUB_STEP_SUMMARY, or --output');
  };
}

async function put(output: string | undefined, text: string): Promise<void> {
  if (output === undefined) {
    process.stdout.write(text);
    return;
  }
  await write(output, async () => {
    const there = await lstat(output).catch(() => undefined);
    // A device, a pipe or a link is written to, not replaced.
    if (there === undefined || there.isFile()) await writeWhole(output, text);
    else await writeFile(output, text);
  });
}

async function write(
  path: string,
  work: () => Promise<void>,
  remedy = 'choose another --output',
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const why = reasonFor(errnoOf(error)) ?? messageOf(error);
    throw harnessFault(`cannot write the report "${path}": ${why}; ${remedy}`, error);
  }
}
