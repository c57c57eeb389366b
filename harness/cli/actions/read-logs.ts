import { type LogReport, logReportJson } from '../../console-log/log-report.js';
import { createLogReader } from '../../console-log/read-log.js';
import { escapeHostText } from '../../model/escape.js';
import { EXIT, Fault, usageFault } from '../../model/fault.js';
import { logText } from '../../report/log-text.js';
import { complain, print, say, wantsColor } from '../context.js';
import { type ReadOptions, STDIN } from '../words/read.js';
import { logFault, openLog } from './open-log.js';

/** How often the progress of a large log is printed, milliseconds. */
const TELL_MS = 2_000;

/** Reads logs and prints what each shows. Returns the exit code. */
export async function readLogs({ log: names, json }: ReadOptions): Promise<number> {
  if (names.filter((name) => name === STDIN).length > 1)
    throw usageFault('cannot read "-": stdin is given twice; give it once');
  const reports: LogReport[] = [];
  let isRefused = false;
  for (const name of names) {
    try {
      const report = await readLog(name);
      reports.push(report);
      if (json) print(`${JSON.stringify(logReportJson(report))}\n`);
      else
        print(`${reports.length === 1 ? '' : '\n'}${logText(report, { color: wantsColor(process.stdout) })}`);
    } catch (error) {
      // The other logs are read all the same.
      if (!(error instanceof Fault) || error.kind !== 'usage') throw error;
      complain(`crashpath: ${error.message}`);
      isRefused = true;
    }
  }
  return isRefused ? EXIT.usage : readExitCode(reports);
}

async function readLog(name: string): Promise<LogReport> {
  if (name === STDIN && process.stdin.isTTY) say('reading stdin; Ctrl-D ends it');
  const reader = name === STDIN ? createLogReader('stdin') : createLogReader(name, name);
  let toldMs = Date.now();
  let count = 0;
  for await (const bytes of openLog(name, { onNote: complain })) {
    reader.push(bytes);
    count += bytes.length;
    if (Date.now() - toldMs < TELL_MS) continue;
    toldMs = Date.now();
    say(`${escapeHostText(name)}: ${Math.round(count / 1_000_000)} MB read`);
  }
  const report = reader.finish();
  if (report.kernelLines > 0) return report;
  throw logFault(
    name,
    `no line of it (${report.lines}) looks like a kernel's: no time stamp of printk, no banner, no panic`,
    'give the text of a serial console, netconsole, syslog or dmesg; for stacks in a mail use crashpath propose',
  );
}

/**
 * 1 when a crash is shown to have left no dump; else 2 when one is undetermined, unless a saved dump is reported; else 0.
 * Pure.
 */
export function readExitCode(reports: readonly LogReport[]): number {
  const crashes = reports.flatMap((report) => report.crashes);
  if (crashes.some(({ verdict }) => verdict !== 'undetermined')) return EXIT.unexpected;
  const isOpen = crashes.some(({ detail }) => detail !== 'dump-reported');
  return isOpen || reports.some(({ moreCrashes }) => moreCrashes > 0) ? EXIT.inconclusive : EXIT.expected;
}
