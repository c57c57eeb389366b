import t from 'tap';
import { madeHost } from '../testing/builders/command-host.js';
import { treeOf } from '../testing/files.js';

t.setTimeout(600_000);

function words(kernel: string, ...more: string[]): string[] {
  return ['compare', '--baseline', kernel, '--candidate', kernel, '--accel', 'tcg', ...more];
}

t.test('mistakes are one line, before anything is written', async (t) => {
  const host = await madeHost(t);
  const refused = async (given: readonly string[], why: RegExp) => {
    const ended = await host.crashpath(given);
    t.match(ended, { exitCode: 64, stdout: '' });
    t.match(ended.stderr, /^crashpath: cannot [^\n]+; [^\n]+\n$/, 'one line');
    t.match(ended.stderr, why);
  };
  await Promise.all([
    refused(['compare', 'sysrq-task', '--baseline', host.kernel], /--candidate is missing/),
    refused(['compare', 'sysrq-task'], /--baseline is missing/),
    refused(words(host.kernel), /no scenario is named/),
    refused(words(host.kernel, 'sysrq-task', 'sysrq-task'), /"sysrq-task": the scenario is named twice/),
    refused(words(host.kernel, 'no-trigger'), /"no-trigger": a healthy kernel ends there with no-panic/),
    refused(words(host.kernel, 'no-crash-kernel'), /"no-crash-kernel": a healthy kernel ends there/),
    refused(
      words(host.kernel, 'sysrq-task', '--fail-on', 'hang'),
      /--fail-on "hang": it is none of regression/,
    ),
    refused(
      words(host.kernel, 'sysrq-task', '--until-significant=yes'),
      /--until-significant takes no value/,
    ),
    refused(
      words(host.kernel, 'sysrq-task', '--until-significant', '--repeat', '8'),
      /--until-significant with --repeat "8": so few trials .*; give --repeat 9 or more/,
    ),
    refused(words(host.kernel, 'sysrq-task', '--candidat', 'x'), /did you mean --candidate\?/),
  ]);
  t.strictSame(await treeOf(host.here), []);
});
