import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs';
import { ATTACH } from './words/attach.js';
import { AUTOPSY } from './words/autopsy.js';
import { BISECT } from './words/bisect.js';
import { BISECT_STEP } from './words/bisect-step.js';
import { BUNDLE } from './words/bundle.js';
import type { GroupWords, WordsOf } from './words/command-words.js';
import { COMPARE } from './words/compare.js';
import { COMPLETION } from './words/completion-script.js';
import { CRASHKERNEL_SIZE } from './words/crashkernel-size.js';
import { DIFF } from './words/diff.js';
import { DISTRIBUTION } from './words/distribution.js';
import { DOCTOR } from './words/doctor.js';
import { HISTORY } from './words/history.js';
import { HUNT } from './words/hunt.js';
import { IMAGE } from './words/image.js';
import { KERNEL } from './words/kernel.js';
import { LIST } from './words/list.js';
import { REPORT } from './words/report.js';
import { REPRO } from './words/repro.js';
import { NIGHTLY } from './words/nightly.js';
import { READ } from './words/read.js';
import { PROPOSE } from './words/propose.js';
import { RUN } from './words/run.js';
import { CLASSIFY, SHOW } from './words/stored-run.js';
import { SWEEP } from './words/sweep.js';

/**
 * Declares every command: its declaration (cli/words) and its action (cli/actions). An action is loaded when its
 * command is carried out, so that help, completion and mistakes do not load the libraries of actions.
 */
export function declareCommands<T>(yargs: Argv<T>): Argv<T> {
  return yargs
    .command(command(RUN, async (argv) => (await import('./actions/run-scenarios.js')).runScenarios(argv)))
    .command(command(HUNT, async (argv) => (await import('./actions/hunt.js')).hunt(argv)))
    .command(
      command(COMPARE, async (argv) => (await import('./actions/compare-kernels.js')).compareKernels(argv)),
    )
    .command(command(SWEEP, async (argv) => (await import('./actions/sweep-kernels.js')).sweepKernels(argv)))
    .command(
      command(CRASHKERNEL_SIZE, async (argv) =>
        (await import('./actions/crashkernel-size.js')).crashkernelSize(argv),
      ),
    )
    .command(command(NIGHTLY, async (argv) => (await import('./actions/run-nightly.js')).runNightly(argv)))
    .command(command(BISECT, async (argv) => (await import('./actions/bisect.js')).bisectKernels(argv)))
    .command(
      command(BISECT_STEP, async (argv) => (await import('./actions/bisect-step.js')).bisectStep(argv)),
    )
    .command(command(PROPOSE, async (argv) => (await import('./actions/propose.js')).propose(argv)))
    .command(command(LIST, async (argv) => (await import('./actions/list.js')).printList(argv)))
    .command(command(SHOW, async (argv) => (await import('./actions/print-run.js')).printRun(argv)))
    .command(command(ATTACH, async (argv) => (await import('./actions/attach.js')).attach(argv)))
    .command(command(CLASSIFY, async (argv) => (await import('./actions/judge-again.js')).judgeAgain(argv)))
    .command(command(READ, async (argv) => (await import('./actions/read-logs.js')).readLogs(argv)))
    .command(command(AUTOPSY, async (argv) => (await import('./actions/autopsy.js')).autopsy(argv)))
    .command(command(REPORT, async (argv) => (await import('./actions/report-runs.js')).reportRuns(argv)))
    .command(command(DIFF, async (argv) => (await import('./actions/print-diff.js')).printDiff(argv)))
    .command(command(HISTORY, async (argv) => (await import('./actions/history.js')).printHistory(argv)))
    .command(command(BUNDLE, async (argv) => (await import('./actions/bundle.js')).bundle(argv)))
    .command(command(REPRO, async (argv) => (await import('./actions/repro.js')).repro(argv)))
    .command(group(KERNEL, declareKernelCommands))
    .command(group(IMAGE, declareImageCommands))
    .command(group(DISTRIBUTION, declareDistributionCommands))
    .command(command(DOCTOR, async (argv) => (await import('./actions/check-host.js')).checkHost(argv)))
    .command(
      command(COMPLETION, async (argv) =>
        (await import('./actions/print-completion.js')).printCompletion(argv),
      ),
    );
}

function declareKernelCommands(yargs: Argv): Argv {
  const { show, list, available, rm, build, variants, 'crash-points': crashPoints } = KERNEL.commands;
  const kernels = () => import('./actions/kernels.js');
  const builds = () => import('./actions/build-from-source.js');
  const points = () => import('./actions/print-crash-points.js');
  return yargs
    .command(command(show, async (argv) => (await kernels()).showKernel(argv)))
    .command(command(list, async (argv) => (await kernels()).printKernels(argv)))
    .command(command(available, async (argv) => (await kernels()).printAvailable(argv)))
    .command(command(rm, async (argv) => (await kernels()).removeFromCache(argv)))
    .command(command(build, async (argv) => (await builds()).buildFromSource(argv)))
    .command(command(variants, async () => (await builds()).printVariants()))
    .command(command(crashPoints, async (argv) => (await points()).printCrashPoints(argv)));
}

function declareImageCommands(yargs: Argv): Argv {
  const { build, list, show, rm } = IMAGE.commands;
  const images = () => import('./actions/images.js');
  return yargs
    .command(command(build, async (argv) => (await images()).buildPair(argv)))
    .command(command(list, async (argv) => (await images()).listPairs(argv)))
    .command(command(show, async (argv) => (await images()).showPair(argv)))
    .command(command(rm, async (argv) => (await images()).removePair(argv)));
}

function declareDistributionCommands(yargs: Argv): Argv {
  const { build, list, rm } = DISTRIBUTION.commands;
  const distributions = () => import('./actions/distributions.js');
  return yargs
    .command(command(build, async (argv) => (await distributions()).buildOne(argv)))
    .command(command(list, async (argv) => (await distributions()).printDistributions(argv)))
    .command(command(rm, async (argv) => (await distributions()).removeOne(argv)));
}

/** A command with its action; a number that the action returns is the exit code. */
function command<Options>(
  words: WordsOf<Options>,
  action: (argv: ArgumentsCamelCase<Options>) => Promise<number | void>,
): CommandModule<object, Options> {
  return {
    ...words,
    handler: async (argv) => {
      const exitCode = await action(argv);
      if (exitCode !== undefined) process.exitCode = exitCode;
    },
  };
}

/** A command that only holds others. */
function group(words: GroupWords, declare: (yargs: Argv) => Argv): CommandModule {
  const { command: name, describe, commands, example } = words;
  const names = Object.keys(commands);
  const article = /^[aeiou]/.test(name) ? 'an' : 'a';
  const list = `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
  return {
    command: name,
    describe,
    builder: (yargs) =>
      declare(yargs)
        .demandCommand(1, `name ${article} ${name} command: ${list}`)
        .example(...example),
    handler: () => undefined,
  };
}
