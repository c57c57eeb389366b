import { basename, dirname, resolve } from 'node:path';
import { EXIT, usageFault } from '../../model/fault.js';
import { nightFileJsonSchema } from '../../night/night-file.js';
import { type NightRead, readNight } from '../../night/read-night.js';
import type { NightWorks } from '../../nightly/works.js';
import { readTextFile } from '../../prepare/yaml-files.js';
import { openOutDirectory } from '../../store/out-directory.js';
import { complain, SHIPPED, version } from '../context.js';
import { outDirectory } from '../directories.js';
import { besideSchema, type NightlyArguments } from '../words/nightly.js';
import { hostNames } from '../words/option-values.js';
import { interruptible } from './interruptible.js';
import { printSchema } from './print-schema.js';

/** A build that does not change for this long is taken to be complete. */
const SETTLE_MS = 2_000;

/** What only tests give: another host to run on. */
export interface NightlySeams {
  readonly worksFor?: ((signal: AbortSignal) => NightWorks & Disposable) | undefined;
  readonly settleMs?: number | undefined;
}

/** Carries out `crashpath nightly`. Returns the exit code. */
export async function runNightly(argv: NightlyArguments, seams: NightlySeams = {}): Promise<number> {
  if (argv.schema) return printSchema(nightFileJsonSchema(), besideSchema(argv));
  const { night, base } = await readFile(argv.file);
  const out = outDirectory(argv.out);
  if (!argv.dryRun) await openOutDirectory(out);
  const { carryOutNight } = await import('./carry-out-night.js');
  const stop = interruptible();
  const hosts = night.hosts === undefined ? [] : hostNames([...night.hosts]);
  using works =
    seams.worksFor?.(stop.signal) ?? (await import('./night-works.js')).nightWorks(hosts, stop.signal, night);
  try {
    const options = {
      ...{ out, base, files: SHIPPED, crashpathVersion: version(), again: argv.again },
      resume: argv.resume === undefined ? undefined : basename(resolve(argv.resume)),
      settleMs: seams.settleMs ?? SETTLE_MS,
      signal: stop.signal,
    };
    const { exitCode, ended } = await carryOutNight(night, works, {
      ...options,
      json: argv.json,
      dryRun: argv.dryRun,
    }).catch((error: unknown) => {
      // What a signal cut off is no failure; a build or a download throws the signal's reason.
      if (stop.caught === undefined || error instanceof Error) throw error;
      return { exitCode: EXIT.harness, ended: false };
    });
    // A signal while the hooks run comes too late.
    if (stop.caught === undefined || ended) return exitCode;
    complain(`crashpath: stopped by ${stop.caught.name}; the same command continues the night`);
    return 128 + stop.caught.number;
  } finally {
    stop.release();
  }
}

async function readFile(file: string | undefined): Promise<{ night: NightRead; base: string }> {
  if (file === undefined) {
    throw usageFault(
      'cannot run a night of "nothing": no file is named; name one as docs/nightly.md describes it',
    );
  }
  const path = resolve(file);
  const remedy = 'name a .yaml file as docs/nightly.md describes it';
  const text = await readTextFile(path, { what: 'night file', reference: file, remedy });
  return { night: readNight(text, file), base: dirname(path) };
}
