import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Scenario } from '../plan/scenario.js';
import { firstLockScenario } from '../sweep/crash-locks/record-script.js';
import { firstScenario } from '../sweep/script.js';
import { madeHost } from '../testing/builders/command-host.js';
import { madePlan } from '../testing/builders/runs.js';
import { treeOf } from '../testing/files.js';

t.setTimeout(600_000);

t.test('a sweep is resumed as what it is, or refused', async (t) => {
  const host = await madeHost(t);
  const campaign = async (name: string, ...scenarios: readonly Scenario[]) => {
    const plans = scenarios.map((scenario) => madePlan({ scenario }));
    const stored = { schema: 1, name, createdAt: '2026-11-27T01:30:00.000Z', plans };
    await mkdir(join(host.here, name));
    await writeFile(join(host.here, name, 'campaign.json'), JSON.stringify(stored));
  };
  const locks = firstLockScenario({ context: 'nmi', cpus: 2 });
  await campaign('locks', locks);
  await campaign('nmis', firstScenario());
  await campaign('both', locks, firstScenario());
  const before = await treeOf(host.here);
  for (const [words, says] of [
    [
      ['nmi-transition', '--resume', 'locks'],
      /cannot resume "locks" as "nmi-transition": it is a sweep of crash-locks;/,
    ],
    [
      ['crash-locks', '--resume', 'nmis'],
      /cannot resume "nmis" as "crash-locks": it is a sweep of nmi-transition;/,
    ],
    [['--resume', 'both'], /cannot resume "both": it is not the directory of a sweep;/],
  ] as const) {
    const ended = await host.crashpath(['sweep', ...words]);
    t.match(ended, { exitCode: 64, stdout: '', stderr: says });
  }
  for (const sweep of ['locks', 'nmis', 'both']) {
    const ended = await host.crashpath(['run', '--resume', sweep]);
    t.match(ended, { exitCode: 64, stderr: /it is a sweep; continue it with crashpath sweep --resume/ });
  }
  t.strictSame(await treeOf(host.here), before, 'nothing was written');
});

t.test('options of a sweep are obeyed or refused, with the limit and the remedy of a sweep', async (t) => {
  const host = await madeHost(t);
  await writeFile(
    join(host.here, 'v.yaml'),
    'version: 1\nsweep: crash-locks\nsummary: s\nvariants: { plain: {} }\n',
  );
  const before = await treeOf(host.here);
  for (const [words, says] of [
    [[], /no sweep is named; name one of nmi-transition, crash-locks/],
    [
      ['crash-locks', '-k', 'stock', '--cpus', 'two'],
      /--cpus "two": .* from 1 to 64; crash-locks takes 16 at most;/,
    ],
    [
      ['crash-locks', '-k', 'stock', '--cpus', '40'],
      /cannot sweep crash-locks with 40 vCPUs: .*give --cpus 16 or less/,
    ],
    [
      ['crash-locks', '-k', 'stock', '--variants', 'v.yaml', '--append', 'quiet', '--context', 'nmi'],
      /cannot use --variants "v.yaml" with --context --append: .*; write context:, append: into the variants of the file/,
    ],
    [
      ['crash-locks', '--baseline', 'a', '--candidate', 'b', '--variants', 'v.yaml'],
      /with --baseline --candidate: the file has the crash paths of one kernel; give it by --kernel/,
    ],
    [['crash-locks', '-k', 'stock', '--dry-run', '--json'], /cannot use --json with --dry-run/],
    [
      ['crash-locks', '-k', 'stock', '--dry-run', '--host', 'there'],
      /cannot use --dry-run with --host "there"/,
    ],
  ] as const) {
    const ended = await host.crashpath(['sweep', ...words]);
    t.match(ended, { exitCode: 64, stdout: '', stderr: says }, words.join(' '));
  }
  t.strictSame(await treeOf(host.here), before, 'nothing was written');
  const { stdout } = await host.crashpath(['sweep', '--help']);
  t.match(stdout, /Exit codes: 0 every map is complete/);
});
