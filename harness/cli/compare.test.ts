import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { makeBzImage, MADE_CONFIG } from '../testing/builders/kernels.js';
import { ComparisonSchema } from '../stats/comparison-json.js';
import { guestsOf, madeHost, type MadeHost } from '../testing/builders/command-host.js';
import { treeOf, writeTree } from '../testing/files.js';

t.setTimeout(600_000);

/** A host with a second kernel, which has the same release. */
async function hostWithTwo(t: Parameters<typeof madeHost>[0]): Promise<MadeHost & { other: string }> {
  const host = await madeHost(t);
  const other = join(host.kernel, '../other');
  await writeTree(other, { 'vmlinuz-6.1.0-1-amd64': makeBzImage(), 'config-6.1.0-1-amd64': MADE_CONFIG });
  return { ...host, other };
}

// One for all tests: its images are packed once.
const host = await hostWithTwo(t);

function words(campaign: string, ...more: string[]): string[] {
  const kernels = ['--baseline', host.kernel, '--candidate', host.other];
  return ['compare', 'sysrq-task', ...kernels, '--accel', 'tcg', '--name', campaign, '--jobs', '1', ...more];
}

t.test('trials in turns, one object on stdout, one campaign on disk', async (t) => {
  const ended = await host.process(words('c', '--repeat', '2', '--json'));
  t.equal(ended.exitCode, 3, 'a QEMU that does not start is a harness error');
  t.equal(ended.stdout.split('\n').length, 2, 'one line');
  const object = ComparisonSchema.parse(JSON.parse(ended.stdout));
  const unjudged = { trials: 2, captured: 0, hung: 0, other: 0, void: 0, harnessErrors: 2 };
  t.strictSame(object, {
    kernels: [host.kernel, host.other].map((id) => ({ id, ...unjudged, rate: null, interval: null })),
    pValue: null,
    conclusion: 'nothing can be concluded; no trial of the baseline and the candidate could be judged',
  });
  const names = (await guestsOf(host)).map((guest) => guest[guest.indexOf('-name') + 1]?.slice(0, 13));
  t.strictSame(
    names,
    ['001', '003', '002', '004'].map((run) => `crashpath-${run}`),
    'A B A B',
  );
  const campaign = join(host.here, 'runs/c');
  t.strictSame(JSON.parse(await readFile(join(campaign, 'compare.json'), 'utf8')), object);
  t.ok((await treeOf(campaign)).includes('report.html'));
  t.match((await host.crashpath(['list', 'runs'])).stdout, /c\/004-sysrq-task/);
});

t.test('a stopped comparison continues with the looks of its start', async (t) => {
  const earlier = (await guestsOf(host)).length;
  await host.crashpath(words('long', '--repeat', '9', '--until-significant', '--quiet', '--no-clone'));
  const campaign = join(host.here, 'runs/long');
  const guests = (await guestsOf(host)).length;
  t.equal(guests - earlier, 18, 'harness errors settle nothing');
  for (const run of ['009', '018']) {
    await rm(join(campaign, `${run}-sysrq-task-6.1.0-1-amd64`), { recursive: true });
  }
  const ended = await host.crashpath(['compare', '--resume', 'runs/long']);
  t.equal(ended.exitCode, 3);
  t.match(ended.stderr, /^long: 2 of 18 trials left$/m);
  t.equal((await guestsOf(host)).length - guests, 2);
  t.match(ended.stdout, /^not judged: 9 harness errors \(baseline .*\)$/m);
  t.match(ended.stdout, /corrected for 2 planned looks at the data/);
  const refused = await host.crashpath([
    'compare',
    '--resume',
    'runs/long',
    '--until-significant',
    '--also',
    'x',
  ]);
  t.match(refused, { exitCode: 64, stdout: '' });
  t.match(
    refused.stderr,
    /^crashpath: cannot resume "runs\/long" with --also --until-significant: .*; name only/,
  );
});

t.test('a campaign of run with two kernels can be compared; one with one kernel cannot', async (t) => {
  const run = ['run', 'sysrq-task', '--accel', 'tcg', '--quiet', '--kernel', host.kernel];
  const two = await host.crashpath([...run, '--kernel', host.other, '--name', 'two']);
  t.equal(two.exitCode, 3, two.stderr);
  const single = await host.crashpath([...run, '--name', 'one']);
  t.equal(single.exitCode, 3, single.stderr);
  t.match((await host.crashpath(['compare', '--resume', 'runs/two'])).stdout, /^nothing can be concluded/m);
  const one = await host.crashpath(['compare', '--resume', 'runs/one']);
  t.equal(one.exitCode, 64);
  t.match(one.stderr, /cannot compare the kernels of "runs\/one": it does not run two or more kernels/);
});
