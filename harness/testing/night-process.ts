/**
 * `crashpath nightly` in a process of its own whose guests are made up, for tests that kill it: arguments are the night
 * file, the output directory and the cache.
 */
import { runNightly } from '../cli/actions/run-nightly.js';
import { fakeNightWorks } from './fakes/night-works.js';

/** Long enough to be killed in. */
const RUN_MS = 60;

const [file, out = '', cacheDir = ''] = process.argv.slice(2);
const works = fakeNightWorks({
  cacheDir,
  reallyMs: RUN_MS,
  verdictOf: ({ scenario, release }) => {
    if (scenario === 'no-trigger') return 'no-panic';
    return scenario === 'ioapic-lock-held' && release.includes('no-zap') ? 'crash-path-hang' : 'captured';
  },
});
works.wall = new Date();
works.say = (line) => void process.stderr.write(`${line}\n`);
const options = {
  resume: undefined,
  again: false,
  'dry-run': false,
  dryRun: false,
  schema: false,
  json: false,
};
process.exitCode = await runNightly(
  { file, out, ...options, _: [], $0: '' },
  { worksFor: () => works, settleMs: 1 },
);
