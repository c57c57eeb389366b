import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { MADE_CONFIG } from '../testing/builders/kernels.js';
import { guestsOf, type MadeHost, madeHost, runWords } from '../testing/builders/command-host.js';

/** A host whose kernel has the driver of the disk. */
async function keepingHost(t: Test): Promise<MadeHost> {
  const host = await madeHost(t);
  const config = join(host.kernel, 'config-6.1.0-1-amd64');
  await appendFile(config, '\nCONFIG_VIRTIO_PCI=y\nCONFIG_VIRTIO_BLK=y\n');
  return host;
}

const dry = async (host: MadeHost, ...more: string[]) => host.crashpath(runWords(host, '--dry-run', ...more));

t.test('the disk is the last device, and without the option there is none', async (t) => {
  const host = await keepingHost(t);
  const kept = await dry(host, '--keep-vmcore');
  t.equal(kept.exitCode, 0, kept.stderr);
  t.match(
    kept.stdout,
    / -drive if=none,id=vmcore,format=raw,werror=report,file=vmcore\.disk -device virtio-blk-pci,drive=vmcore,serial=crashpath-vmcore -action /,
  );
  t.notMatch((await dry(host)).stdout, /vmcore/);
  t.strictSame(await guestsOf(host), []);
});

t.test('a value may be left out, and no scenario is taken for one', async (t) => {
  const host = await keepingHost(t);
  const scenario = ['sysrq-task', '-k', host.kernel, '--accel', 'tcg', '--dry-run'];
  for (const words of [
    ['run', '--keep-vmcore', '--keep-failed', ...scenario],
    ['run', '--keep-vmcore', 'all', '--keep-failed', '2', ...scenario],
    ['run', '--keep-vmcore=failed', '--keep-failed=1', '--keep-minutes', '5', ...scenario],
    ['compare', '--keep-vmcore', '--help'],
  ]) {
    const ended = await host.crashpath(words);
    t.equal(ended.exitCode, 0, ended.stderr);
  }
});

t.test('what is not obeyed is refused', async (t) => {
  const host = await keepingHost(t);
  const refused = async (words: readonly string[], message: RegExp) => {
    const ended = await host.crashpath(words);
    t.equal(ended.exitCode, 64, words.join(' '));
    t.match(ended.stderr, message);
  };
  await refused(
    runWords(host, '--keep-vmcore=some'),
    /cannot use --keep-vmcore "some"|Invalid values|keep-vmcore/,
  );
  await refused(
    runWords(host, '--keep-failed=0'),
    /cannot use --keep-failed "0": it is not a whole number from 1 to 16/,
  );
  await refused(runWords(host, '--keep-minutes', '5'), /cannot use --keep-minutes without --keep-failed/);
  await refused(
    ['bisect', 'sysrq-task', '--good', 'a', '--bad', 'b', '--tree', host.here, '--keep-vmcore'],
    /cannot use --keep-vmcore in a bisection: its runs are counted/,
  );
  await writeFile(join(host.kernel, 'config-6.1.0-1-amd64'), MADE_CONFIG);
  await refused(
    runWords(host, '--keep-vmcore'),
    /cannot keep the vmcore of kernel ".*": it has no driver for the virtio disk that takes it: its config has no CONFIG_VIRTIO_PCI/,
  );
  for (const option of ['--keep-vmcore', '--keep-failed'])
    await refused(
      runWords(host, option, '--host', 'local', '--host', 'ssh://nowhere.invalid'),
      new RegExp(
        `cannot use ${option} with --host "ssh://nowhere.invalid": dumps and guests are kept on this host only`,
      ),
    );
  t.strictSame(await guestsOf(host), []);
});

t.test('attach without a guest says why, and what to do', async (t) => {
  const host = await keepingHost(t);
  const list = await host.crashpath(['attach', '--list']);
  t.match(list, { exitCode: 0, stdout: '', stderr: 'no guest is up\n' });
  t.match(await host.crashpath(['attach']), { exitCode: 64, stderr: /no run is named; name one/ });
  t.match(await host.crashpath(['attach', 'none']), { exitCode: 64, stderr: /cannot find run "none"/ });
  t.match(await host.crashpath(['attach', 'none', '--list']), {
    exitCode: 64,
    stderr: /--list stands alone/,
  });
  t.match(await host.crashpath(['attach', 'none', '--end', '--exec']), {
    exitCode: 64,
    stderr: /--end stands alone/,
  });
  // QEMU does not start: the guest of this run is gone.
  const run = await host.crashpath(runWords(host, '--keep-failed', '--keep-vmcore', '--name', 'c'));
  t.equal(run.exitCode, 3, run.stderr);
  const [name = ''] = /001-\S+/.exec(run.stderr) ?? [];
  t.match(await host.crashpath(['attach', name.replace(/:$/, '')]), {
    exitCode: 64,
    stderr: /cannot attach to run "001-.*": its guest .*; run the scenario again with --keep-failed/,
  });
});
