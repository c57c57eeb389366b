import t, { type Test } from 'tap';
import yargs from 'yargs';
import { z } from 'zod';
import { COMMANDS } from './words/commands.js';
import { SHIPPED } from './context.js';
import { CAUSE_NAMES } from '../classify/known-causes.js';
import { parseSpec } from '../kernel/spec.js';
import { runnableNames } from '../prepare/scenario-files.js';
import { logFixtures, readLogText } from '../testing/recordings/log-fixtures.js';
import { kernelSpec, nextSteps, type NextInput } from '../console-log/next-steps.js';

const INPUT: NextInput = {
  finding: {
    word: 'undetermined',
    detail: 'log-ends-after-panic',
    explanation: '',
    toDecide: [],
    evidence: [],
  },
  causes: [],
  message: 'sysrq triggered crash',
  release: '6.1.0-28-amd64',
  commandLine: undefined,
  captureCommandLine: undefined,
  stacksIn: undefined,
};

const names = await runnableNames(SHIPPED);

/** Parses a command as `crashpath` does, and checks the names in it. */
async function checked(t: Test, [command = '', ...words]: readonly string[]): Promise<void> {
  const declared = COMMANDS[command];
  if (declared === undefined) throw new Error(`there is no command ${command}`);
  const parser = yargs([]).exitProcess(false).strict().parserConfiguration({ 'greedy-arrays': false });
  parser
    .command(declared.command, declared.describe, (own) => void declared.builder(own))
    .fail((message: string, error: Error | undefined) => {
      throw error ?? new Error(message);
    });
  const parsed: unknown = await parser.parseAsync([command, ...words]);
  const { kernel } = z.object({ kernel: z.union([z.string(), z.array(z.string())]) }).parse(parsed);
  t.strictSame([kernel].flat(), [words[words.indexOf('--kernel') + 1]]);
  const options = words.findIndex((word) => word.startsWith('-'));
  for (const name of words.slice(0, options))
    t.ok(command === 'sweep' || names.includes(name), `${name} is a scenario`);
  t.ok(['debian', 'path'].includes(parseSpec(words[words.indexOf('--kernel') + 1] ?? '').kind));
}

void t.test('every suggested command parses', async (t) => {
  for (const { bytes } of await logFixtures()) {
    for (const crash of readLogText(bytes).crashes)
      for (const { words } of crash.next) await checked(t, words);
  }
  for (const cause of CAUSE_NAMES) {
    const steps = nextSteps({ ...INPUT, causes: [cause] });
    t.ok(steps.length > 0 && steps.length <= 3);
    for (const { words } of steps) await checked(t, words);
  }
  for (const message of [
    'Watchdog detected hard LOCKUP',
    'softlockup: hung tasks',
    'hung_task: blocked tasks',
    'NMI: x',
    'Fatal exception in interrupt',
  ])
    for (const { words } of nextSteps({ ...INPUT, message })) await checked(t, words);
});

void t.test('kernels are named as far as the log does', async (t) => {
  for (const [release, spec] of [
    ['6.1.0-56-amd64', 'debian:6.1'],
    ['6.12.43+deb13-cloud-amd64', 'debian:6.12-cloud'],
    ['6.1.0-28-rt-amd64', 'debian:6.1-rt'],
    ['5.10.0-32-686-pae', 'debian:5.10-686-pae'],
    ['5.14.0-427.13.1.el9_4.x86_64', '/boot/vmlinuz-5.14.0-427.13.1.el9_4.x86_64'],
    ['6.1.0-$(reboot)', './bzImage'],
    ['6.1.0/../../x', './bzImage'],
    [undefined, './bzImage'],
  ] as const)
    t.equal(kernelSpec(release), spec, String(release));
});

void t.test(
  'words of the command lines are carried over where they are safe and can be obeyed',
  async (t) => {
    const first = (commandLine: string, captureCommandLine = '') =>
      nextSteps({ ...INPUT, commandLine, captureCommandLine })[0]?.command;
    t.equal(
      first('crashkernel=256M quiet'),
      'crashpath run sysrq-task --kernel debian:6.1 --crashkernel 256M',
    );
    t.match(first('crashkernel=1G,high crashkernel=72M,low'), "--crashkernel '1G,high 72M,low'");
    for (const unusable of ['crashkernel=auto', 'crashkernel=$(id)', 'crashkernel=256M;reboot', 'quiet'])
      t.notMatch(first(unusable), /--crashkernel/, unusable);
    t.match(
      first('', 'elfcorehdr=1 irqpoll nr_cpus=1 evil=$(id) mce=off'),
      "--capture-append 'irqpoll nr_cpus=1 mce=off'",
    );
    t.notMatch(first('', "irqpoll='$(id)' maxcpus=`id`"), /capture-append/);
  },
);
