import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { guestsOf, type MadeHost, madeHost } from '../testing/builders/command-host.js';

t.setTimeout(300_000);

const words = (host: MadeHost, ...more: string[]) => [
  ...['crashkernel-size', '-k', host.kernel, '--accel', 'tcg', '--out', 'runs', '--name', 's', ...more],
];

t.test('runs that show nothing end the search, and a stopped one is continued with its range', async (t) => {
  const host = await madeHost(t);
  // Every run on this host is a harness error: its QEMU ends at once.
  const ended = await host.crashpath(words(host, '--least', '64', '--most', '128', '--no-clone', '--json'));
  t.equal(ended.exitCode, 3, ended.stderr);
  const found: unknown = JSON.parse(ended.stdout);
  t.match(found, {
    kind: 'crashkernel-size',
    range: { least: 64, most: 128, step: 4, captures: 5 },
    sizes: [{ mib: 128, captured: 0, failed: [], undecided: { length: 3 } }],
    end: 'undecided',
    smallestMiB: null,
    recommendedMiB: null,
    exitCode: 3,
  });
  t.strictSame(
    (await guestsOf(host)).map((guest) => guest.join(' ').match(/crashkernel=\S+/g)),
    [['crashkernel=128M'], ['crashkernel=128M'], ['crashkernel=128M']],
  );
  t.match(ended.stderr, /^128M: harness-error {2}/m);
  const stored = await readFile(join(host.here, 'runs/s/crashkernel-size.json'), 'utf8');
  t.strictSame(JSON.parse(stored), found);
  const again = await host.crashpath(['crashkernel-size', '--resume', 'runs/s']);
  t.equal(again.exitCode, 3);
  t.match(again.stdout, /^cannot tell: the runs with 128M show nothing about the size/m);
  t.equal((await guestsOf(host)).length, 3, 'what was run is not run again');
});

t.test('mistakes are named before anything is written', async (t) => {
  const host = await madeHost(t);
  for (const [given, says] of [
    [['crashkernel-size'], /no kernel is given; give --kernel/],
    [words(host, '--crashkernel', '64M'), /cannot use --crashkernel "64M": the size is what is searched/],
    [words(host, '--jobs', '2'), /cannot use --jobs "2": each run decides the next one/],
    [words(host, '--least', '300'), /cannot search from 300 to 256 MiB: no multiple of 4 lies there/],
    [words(host, '--least', '65', '--most', '67'), /no multiple of 4 lies there/],
    [words(host, '--step', '0'), /cannot use --step "0"/],
    [words(host, '--most', '768'), /cannot reserve 768 MiB of 768 MiB: nothing would be left/],
    [words(host, '--scenario', 'no-trigger'), /it does not expect a capture/],
    [words(host, '--scenario', 'no-crash-kernel'), /it does not expect a capture|it loads no crash kernel/],
    [words(host, '--scenario', 'lkdtm'), /it means \d+ scenarios or machines; name one scenario/],
    [['crashkernel-size', '--resume', 'x', '--most', '64'], /cannot resume "x" with --most/],
  ] as const) {
    const ended = await host.crashpath(given);
    t.match(ended, { exitCode: 64, stdout: '', stderr: says });
  }
  t.strictSame(await readdir(host.here), []);
  t.equal((await host.crashpath(words(host, '--most', '64'))).exitCode, 3);
  const run = await host.crashpath(['run', '--resume', 'runs/s']);
  t.match(run, {
    exitCode: 64,
    stderr: /it is a search of a size; continue it with crashpath crashkernel-size/,
  });
  t.equal(
    (await host.crashpath(['run', 'sysrq-task', '-k', host.kernel, '--accel', 'tcg', '--name', 'r']))
      .exitCode,
    3,
  );
  const other = await host.crashpath(['crashkernel-size', '--resume', 'runs/r']);
  t.match(other, { exitCode: 64, stderr: /it is no search of a size/ });
});
