import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { madeHost, runWords } from '../testing/builders/command-host.js';
import { storedRun } from '../testing/builders/stored-run.js';
import { scratch } from '../testing/files.js';
import { exitCodeOf } from './actions/repro.js';

t.setTimeout(300_000);

async function stored(t: Test) {
  const host = await madeHost(t);
  const place = await storedRun(await scratch(t));
  return { host, ...place };
}

t.test('bundle packs a run, and --list prints what is in it', async (t) => {
  const { host, run } = await stored(t);
  const packed = await host.crashpath(['bundle', run, '-o', 'hang.tar.zst']);
  t.equal(packed.exitCode, 0);
  t.match(packed.stdout, /^hang\.tar\.zst: \d+ kB, crash-path-hang: spin\n$/);
  const listed = await host.crashpath(['bundle', '--list', 'hang.tar.zst']);
  t.equal(listed.exitCode, 0);
  for (const line of [
    /^verdict {3}crash-path-hang: spin$/m,
    /^ {2}kernel\/vmlinuz +4096 {2}[0-9a-f]{64}$/m,
    /^ {2}QEMU: 7\.2\./m,
    /^ {2}a kernel's version and builder: 6\.1\.192-cp-no-zap \(builder@host\) #1 SMP$/m,
    /^ {2}QEMU's messages: .* from pid 0$/m,
  ]) {
    t.match(listed.stdout, line);
  }
  const json = await host.crashpath(['bundle', '--list', 'hang.tar.zst', '--json']);
  t.match(JSON.parse(json.stdout), {
    schema: 1,
    contents: 'whole',
    verdict: 'crash-path-hang',
    members: [{ name: 'run/plan.json', sha256: String }],
    host: [{ what: 'crashpath', says: String }],
  });
  t.notOk(listed.stdout.includes(hostname()) && hostname().length > 3, "this host's name is not in it");
});

t.test('bundle: one clear line for each mistake', async (t) => {
  const { host, run } = await stored(t);
  const wrong = async (words: string[], exitCode: number, says: RegExp) => {
    const ended = await host.crashpath(['bundle', ...words]);
    t.equal(ended.exitCode, exitCode, words.join(' '));
    t.equal(ended.stdout, '');
    t.match(ended.stderr, says);
  };
  await wrong([], 64, /no run is named; name its directory, or give --list FILE\n$/);
  await wrong([run], 64, /no file is named; give --output FILE\n$/);
  await wrong([run, '-o', '-'], 64, /no file is named/);
  await wrong(
    ['--list', 'x', '-o', 'y', '--hashes-only'],
    64,
    /with --output --hashes-only: listing packs nothing/,
  );
  await wrong(['nowhere', '-o', 'x'], 64, /^crashpath: cannot find run "nowhere"/);
  await mkdir(join(host.here, 'empty'));
  await wrong(['empty', '-o', 'x'], 64, /^crashpath: cannot find run "empty"/);
  await wrong(['--list', 'nowhere'], 64, /cannot read bundle "nowhere": no such file/);
  await writeFile(join(host.here, 'text'), 'no bundle');
  await wrong(['--list', 'text'], 64, /cannot read bundle "text": it is not compressed with zstd/);
  await wrong([run, '-o', 'empty'], 64, /cannot write bundle ".*\/empty": it is not a file/);
  await wrong([run, '-o', 'no/where'], 3, /cannot write bundle ".*no\/where": no such file/);
});

t.test('repro on a host whose QEMU ends at once: harness error, and all tries are stored', async (t) => {
  const { host, run } = await stored(t);
  await host.crashpath(['bundle', run, '-o', 'hang.tar.zst']);
  const ended = await host.crashpath(['repro', 'hang.tar.zst', '--tries', '2', '--json']);
  t.equal(ended.exitCode, 3, ended.stderr);
  const { runs, ...rest } = JSON.parse(ended.stdout);
  t.match(rest, {
    schema: 1,
    file: 'hang.tar.zst',
    exitCode: 3,
    reproduced: false,
    tries: 2,
    wanted: { verdict: 'crash-path-hang', detail: 'spin', place: [{ state: 'runs' }, { state: 'parked' }] },
    differences: [{ what: 'QEMU', there: /^7\.2\./, here: String }],
  });
  t.strictSame(
    runs.map(({ verdict, trial, runId }: Record<string, unknown>) => [verdict, trial, runId]),
    [1, 2].map((number) => ['harness-error', 1, `00${number}-ioapic-lock-held-6.1.192-cp-no-zap`]),
  );
  t.match(ended.stderr, /wanted: crash-path-hang: spin\n/);
  t.match(ended.stderr, /place: 1 vCPU runs in ioapic_read_entry < clear_IO_APIC_pin/);
  t.match(ended.stderr, /differs: QEMU: 7\.2\.\d+ .* there, .* here\n/);
  const [{ directory }] = runs;
  const plan = JSON.parse(await readFile(join(directory, 'plan.json'), 'utf8'));
  t.ok(plan.kernel.bzImage.startsWith(join(host.cache, 'bundles')), 'the kernel of the bundle');
  t.equal(plan.qemu.binary, host.qemu, "and the receiver's QEMU");
  t.not(plan.nonce, JSON.parse(await readFile(join(run, 'plan.json'), 'utf8')).nonce);
});

t.test('repro --dry-run prints the command line and runs nothing', async (t) => {
  const { host, run } = await stored(t);
  await host.crashpath(['bundle', run, '-o', 'hang.tar.zst']);
  const ended = await host.crashpath(['repro', 'hang.tar.zst', '--dry-run']);
  t.equal(ended.exitCode, 0);
  t.match(
    ended.stdout,
    new RegExp(`^${host.qemu} -name .* -kernel ${host.cache}/bundles/[0-9a-f]{64}/kernel/vmlinuz `),
  );
  t.notMatch(ended.stdout, run);
});

t.test('a bundle of hashes: the kernel is given, and the image is built here', async (t) => {
  const { host, run, kernel } = await stored(t);
  await host.crashpath(['bundle', run, '-o', 'hashes.tar.zst', '--hashes-only']);
  const ended = await host.crashpath(['repro', 'hashes.tar.zst', '-k', kernel, '--dry-run']);
  t.equal(ended.exitCode, 0, ended.stderr);
  t.match(ended.stderr, /differs: images: [0-9a-f]{32} there, [0-9a-f]{32} here\n/);
  t.match(ended.stdout, new RegExp(` -kernel ${kernel} -initrd ${host.cache}/images/`));
  const whole = await host.crashpath(['bundle', run, '-o', 'whole.tar.zst']);
  t.equal(whole.exitCode, 0);
  const built = await host.crashpath(['repro', 'whole.tar.zst', '--build-images', '--dry-run']);
  t.match(built.stdout, new RegExp(`/kernel/vmlinuz -initrd ${host.cache}/images/`));
});

t.test('a machine that this QEMU does not have is a defect of the host', async (t) => {
  const host = await madeHost(t);
  const { run } = await storedRun(await scratch(t), {
    plan: (plan) => ({ ...plan, machine: { ...plan.machine, type: 'x-missing', name: 'machine=x-missing' } }),
  });
  await host.crashpath(['bundle', run, '-o', 'old.tar.zst']);
  const ended = await host.crashpath(['repro', 'old.tar.zst']);
  t.equal(ended.exitCode, 3);
  t.match(
    ended.stderr,
    /cannot make the guest's machine on this host "x-missing, max": .*; install another QEMU/,
  );
});

t.test('repro: one clear line for each mistake', async (t) => {
  const { host, run } = await stored(t);
  const wrong = async (words: string[], exitCode: number, says: RegExp) => {
    const ended = await host.crashpath(['repro', ...words]);
    t.equal(ended.exitCode, exitCode, words.join(' '));
    t.match(ended.stderr, says);
  };
  await host.crashpath(['bundle', run, '-o', 'hang.tar.zst']);
  await writeFile(join(host.here, 'text'), 'no bundle');
  await wrong(['text'], 64, /cannot read bundle "text": it is not compressed with zstd/);
  await wrong(['hang.tar.zst', '--tries', '0'], 64, /--tries "0"/);
  await wrong(['hang.tar.zst', '-k', host.kernel], 64, /it holds its kernels/);
  const hashes = await host.crashpath(['bundle', run, '-o', 'hashes.tar.zst', '--hashes-only']);
  t.equal(hashes.exitCode, 0);
  await wrong(
    ['hashes.tar.zst'],
    64,
    /it names its kernel by hash, and the sender had it as a file; give --kernel/,
  );
  await wrong(['hashes.tar.zst', '-k', host.kernel], 64, /it is 6\.1\.0-1-amd64 with sha256/);
  await rm(join(host.here, 'text'));
});

t.test('a run that says nothing about its kernel cannot be reproduced', async (t) => {
  const host = await madeHost(t);
  await host.crashpath(runWords(host, '--name', 'dead'));
  const packed = await host.crashpath([
    'bundle',
    'runs/dead/001-sysrq-task-6.1.0-1-amd64',
    '-o',
    'dead.tar.zst',
  ]);
  t.equal(packed.exitCode, 0, packed.stderr);
  const ended = await host.crashpath(['repro', 'dead.tar.zst']);
  t.equal(ended.exitCode, 64);
  t.match(ended.stderr, /its run is harness-error: .*, which says nothing about the kernel/);
});

t.test('exit codes of tries', (t) => {
  const tried = (verdict: 'captured' | 'void' | 'harness-error', whyNot?: string) => ({
    result: { verdict },
    whyNot,
  });
  t.equal(exitCodeOf([tried('void', 'x'), tried('captured')]), 0);
  t.equal(exitCodeOf([tried('void', 'x'), tried('captured', 'x'), tried('harness-error', 'x')]), 1);
  t.equal(exitCodeOf([tried('void', 'x'), tried('harness-error', 'x')]), 3);
  t.equal(exitCodeOf([tried('void', 'x')]), 2);
  t.end();
});
