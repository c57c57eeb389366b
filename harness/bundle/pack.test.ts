import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import { resolveKernel } from '../kernel/index.js';
import type { RunPlan } from '../plan/run-plan.js';
import { storedGuest } from '../plan/stored-guest.js';
import { rejudge } from '../store/rejudge.js';
import { makeDeb } from '../testing/builders/kernels.js';
import { storedRun, type StoredRunParts } from '../testing/builders/stored-run.js';
import { scratch, treeOf } from '../testing/files.js';
import { findKernels } from './find-kernels.js';
import { packRun, type PackOptions } from './pack.js';
import { type Bundle, keepBundle, withBundle } from './read-bundle.js';

t.setTimeout(300_000);

interface Made {
  readonly root: string;
  readonly run: string;
  readonly plan: RunPlan;
  readonly kernel: string;
  readonly initrd: string;
  readonly file: string;
  readonly options: PackOptions;
  pack(): ReturnType<typeof packRun>;
  read(): Promise<Bundle>;
}

const NO_NAMES = { hosts: [], users: [], directories: [] };

async function made(
  t: Test,
  {
    hashesOnly = false,
    names = NO_NAMES,
    below = '.',
    ...parts
  }: StoredRunParts & Partial<PackOptions> & { below?: string } = {},
): Promise<Made> {
  const root = join(await scratch(t), below);
  const place = await storedRun(root, parts);
  const file = join(root, 'made.tar.zst');
  const options: PackOptions = {
    hashesOnly,
    names,
    cacheDir: join(root, 'cache'),
    crashpathVersion: '0.1.0',
    imageAgain: async () => join(root, 'none', 'production.cpio'),
  };
  return {
    ...{ root, file, options, ...place },
    pack: () => packRun(place.run, file, options),
    read: () => withBundle(file, options, async (bundle) => bundle),
  };
}

t.test('a bundle is read as it was packed, and the same run gives the same bytes', async (t) => {
  const run = await made(t);
  const { manifest, result } = await run.pack();
  const first = await readFile(run.file);
  await run.pack();
  t.ok(first.equals(await readFile(run.file)), 'byte for byte');
  const before = (await rejudge(run.run)).result;
  const { result: after, held, plan, senderSaid, manifest: read } = await run.read();
  t.strictSame(read, manifest);
  for (const judged of [result, after]) {
    t.match(judged, { verdict: 'crash-path-hang', detail: 'spin', outcome: before.outcome });
    t.strictSame(judged.phases, before.phases);
    t.equal(judged.explanation, before.explanation);
  }
  t.equal(senderSaid, undefined);
  t.match(held, { kernel: { sha256: run.plan.kernel.sha256, release: '6.1.192-cp-no-zap' } });
  t.equal(plan.scenario.name, 'ioapic-lock-held');
  t.strictSame(plan.limits, run.plan.limits);
});

t.test('nothing of a host with telling names is in its bundle', async (t) => {
  const told = 'Acme Corp-secret';
  const names = { hosts: ['acme-lab7.corp'], users: ['jdoe-admin'], directories: [] };
  const run = await made(t, {
    names,
    below: told,
    plan: (plan) => ({
      ...plan,
      campaign: 'for-acme-lab7.corp',
      host: 'ssh://bob.tables@rack9.acme.test:2222',
      scenario: { ...plan.scenario, guest: { ...plan.scenario.guest, profile: '/home/jdoe-admin/m.yaml' } },
      accel: { accel: 'tcg', reason: 'rack9.acme.test has 96 CPUs' },
      qemu: { ...plan.qemu, binary: `/opt/${told}/qemu` },
    }),
  });
  const host = join(run.run, 'host.jsonl');
  const lines = (await readFile(host, 'utf8')).split('\n').filter((line) => !line.includes('qemu-exit'));
  const stderr = `qemu: could not open '${run.root}/x': jdoe-admin@acme-lab7.corp, pid 4711 (node)\n`;
  const last = { seq: 9000, atMs: 99_000 };
  const more = [
    { ...last, fact: 'qemu-exit', code: 0, signal: null, asked: true, stderr },
    { ...last, fact: 'symbols', state: 'unknown', saw: `no ${run.root}/symbols on rack9.acme.test` },
    { ...last, fact: 'harness-fault', message: 'bob.tables left', stack: `at ${run.root}`, afterRun: true },
  ];
  await writeFile(host, [...lines, ...more.map((line) => JSON.stringify(line)), ''].join('\n'));
  await run.pack();
  const plain = join(await scratch(t), 'plain.tar');
  await execa('zstd', ['-q', '-d', run.file, '-o', plain]);
  const text = await readFile(plain, 'latin1');
  for (const word of [told, 'Acme', 'acme', 'jdoe', 'rack9', 'bob', '4711', '96 CPUs', run.root]) {
    t.notOk(text.includes(word), `no "${word}"`);
  }
  t.match(await run.read(), { result: { verdict: 'crash-path-hang', detail: 'spin' } });
});

t.test('a name that the guest printed stays, and the list says so', async (t) => {
  const run = await made(t, { names: { ...NO_NAMES, hosts: ['crash_nmi_callback'] } });
  const { manifest } = await run.pack();
  const found = manifest.remaining.find(({ member }) => member === 'run/host.jsonl');
  t.match(found, { what: 'host name' });
  const { statements } = await run.read();
  t.ok(
    statements.some(({ what, says }) => what.startsWith('host name, ') && says.includes('run/host.jsonl')),
  );
});

t.test('the list says who built the kernels and whose programs are in the images', async (t) => {
  const run = await made(t, { captureRelease: '6.12.9-capture' });
  await run.pack();
  const { statements, held } = await run.read();
  const says = (wanted: string) => statements.filter(({ what }) => what === wanted).map((one) => one.says);
  t.strictSame(says("a kernel's version and builder"), [
    '6.1.192-cp-no-zap (builder@host) #1 SMP',
    '6.12.9-capture (builder@host) #1 SMP',
  ]);
  t.match(says('a program in the images'), [/^\/lib\/libmade\.so\.1 /]);
  t.match(held?.captureKernel.release, '6.12.9-capture');
  t.match(says("QEMU's messages"), ['qemu-system-x86_64: terminating on signal 15 from pid 0']);
});

t.test('only the hashes: the receiver finds the kernel, or a message names it', async (t) => {
  const run = await made(t, { hashesOnly: true });
  await run.pack();
  const bundle = await run.read();
  t.equal(bundle.held, undefined);
  t.notOk((await readFile(run.file)).length > 40_000);
  const find = (kernel?: string) =>
    findKernels(bundle, {
      cacheDir: run.options.cacheDir,
      offline: true,
      file: run.file,
      given: { kernel, captureKernel: undefined },
    });
  t.match(await find(run.kernel), { kernel: { sha256: run.plan.kernel.sha256 } });
  await t.rejects(find(), {
    kind: 'usage',
    message: /by hash, and .*; give --kernel with 6\.1\.192-cp-no-zap/,
  });
  const other = await made(t, { captureRelease: '6.12.9' });
  await t.rejects(find(other.plan.captureKernel.bzImage), {
    kind: 'usage',
    message: /it is 6\.12\.9 with sha256/,
  });
  // A path would be one of the receiver's host.
  const stranger = {
    plan: { ...bundle.plan, kernel: { ...bundle.plan.kernel, spec: run.kernel } },
    held: undefined,
  };
  await t.rejects(
    findKernels(stranger, {
      cacheDir: run.root,
      file: 'f',
      given: { kernel: undefined, captureKernel: undefined },
    }),
    {
      message: /the sender had it as a file/,
    },
  );
  const whole = await made(t);
  await whole.pack();
  await t.rejects(
    findKernels(await whole.read(), {
      cacheDir: run.root,
      file: 'f',
      given: { kernel: 'debian:6.1', captureKernel: undefined },
    }),
    { message: /it holds its kernels/ },
  );
});

t.test('runs that cannot be packed: one line each', async (t) => {
  const kernelless = await made(t);
  await rm(kernelless.kernel);
  await t.rejects(kernelless.pack(), {
    kind: 'usage',
    message: /cannot bundle kernel ".*": no such file.*--hashes-only$/,
  });
  const changed = await made(t);
  await writeFile(changed.kernel, 'another');
  await t.rejects(changed.pack(), { kind: 'usage', message: /it is not the kernel of the run any more/ });
  const imageless = await made(t);
  await writeFile(imageless.initrd, 'another');
  await t.rejects(imageless.pack(), { kind: 'usage', message: /its image is not in the cache any more/ });
  const onFile = await made(t, {
    plan: (plan) => ({
      ...plan,
      machine: { ...plan.machine, type: 'pc,pflash0=/srv/ovmf.fd', name: 'machine=x' },
    }),
  });
  await t.rejects(onFile.pack(), { kind: 'usage', message: /may name a file or an object of that host/ });
  const none = await made(t);
  await rm(join(none.run, 'plan.json'));
  await t.rejects(none.pack(), {
    kind: 'usage',
    message: /^cannot read run ".*": it has no valid plan\.json/,
  });
  const nowhere = await made(t);
  await t.rejects(packRun(nowhere.run, join(nowhere.root, 'no', 'x.zst'), nowhere.options), {
    kind: 'harness',
    message: /cannot write bundle/,
  });
  t.notOk((await treeOf(kernelless.root)).includes('made.tar.zst'), 'and no part of a file');
});

t.test('a lost image is made again when this host makes the same one', async (t) => {
  const run = await made(t);
  const again = join(run.root, 'again', 'images', '0123456789abcdef0123456789abcdef');
  await mkdir(again, { recursive: true });
  for (const name of ['production.cpio', 'manifest.json'])
    await writeFile(join(again, name), await readFile(join(run.initrd, '..', name)));
  await rm(run.initrd);
  const imageAgain = async () => join(again, 'production.cpio');
  const { manifest } = await packRun(run.run, run.file, { ...run.options, imageAgain });
  t.equal(manifest.contents, 'whole');
});

t.test('a kernel that is not where the run had it is found in the cache', async (t) => {
  const run = await made(t);
  const { cacheDir } = run.options;
  const deb = await makeDeb(run.root, { name: 'linux-image-6.1.0-1-amd64', version: '6.1.1-1' });
  const kernel = await resolveKernel(deb, { cacheDir });
  const gone = { ...kernel, bzImage: '/gone/vmlinuz', spec: '/gone' };
  const plan = { ...run.plan, kernel: gone, captureKernel: gone };
  await writeFile(join(run.run, 'plan.json'), JSON.stringify(plan));
  const { manifest } = await run.pack();
  t.equal(manifest.members.find(({ name }) => name === 'kernel/vmlinuz')?.sha256, kernel.sha256);
});

t.test('every kind of run is packed, and gets the same verdict', async (t) => {
  const claim = { output: { of: 'uname -m', equals: 'i686' } };
  const machine = {
    type: 'q35,hpet=off',
    cpuModel: 'pentium3',
    cpus: 1,
    memoryMiB: 512,
    name: 'old memory=512',
  };
  const kinds: readonly (readonly [string, StoredRunParts])[] = [
    ['a capture', { fixture: 'captured-6.1' }],
    ['with a card', { fixture: 'captured-answering-nic' }],
    [
      'of a 32-bit kernel on a profile',
      {
        fixture: 'captured-6.1',
        bits: 32,
        plan: (plan) => ({ ...plan, machine: { ...machine, prove: [claim] } }),
      },
    ],
    [
      'of a campaign file',
      {
        plan: (plan) => ({
          ...plan,
          cell: { kernel: 'broken', why: 'the thread of 2012', expect: { verdict: 'crash-path-hang' } },
        }),
      },
    ],
    ['of two kernels', { captureRelease: '6.12.9' }],
    ['void', { fixture: 'void-not-proved' }],
  ];
  for (const [kind, parts] of kinds) {
    const run = await made(t, parts);
    const before = (await rejudge(run.run)).result;
    await run.pack();
    const { result, plan } = await run.read();
    const telling = ({ verdict, detail, outcome, expected, degradedBy }: typeof result) => ({
      ...{ verdict, detail, outcome, expected, degradedBy },
    });
    t.strictSame(telling(result), telling(before), kind);
    t.strictSame(plan.machine, run.plan.machine);
  }
});

t.test(
  'what the sender kept is not in the bundle, and the guest of a receiver has no disk for it',
  async (t) => {
    const word = 'crashpath.dump=31,98';
    const captureAppend = (plan: RunPlan) => `console=ttyS0,115200 ${word} ${plan.captureAppend}`;
    const run = await made(t, {
      plan: (plan) => ({
        ...plan,
        captureAppend: captureAppend(plan),
        keepVmcore: { of: 'all', diskMiB: 832 },
        keepFailed: { most: 1, minutes: 60 },
      }),
    });
    const host = join(run.run, 'host.jsonl');
    const kept = { seq: 9000, atMs: 99_000, fact: 'guest-kept', pid: 471_147, forMinutes: 60, symbols: [] };
    await writeFile(host, `${await readFile(host, 'utf8')}${JSON.stringify(kept)}\n`);
    await run.pack();
    const { plan, result } = await run.read();
    t.match(result, { detail: 'spin', guestKept: { missing: "only on the sender's host" } });
    t.strictSame(plan.keepVmcore, { of: 'all', diskMiB: 832 }, 'a part of the machine that was recorded');
    t.equal(plan.keepFailed, undefined);
    const again = storedGuest(plan, 'tcg');
    t.equal(again.keepVmcore, undefined);
    t.notMatch(again.commandLines?.captureAppend, /crashpath\.dump/);
    t.match(again.commandLines?.captureAppend, /^console=ttyS0,115200 /);
    const without = await made(t, { plan: (one) => ({ ...one, captureAppend: captureAppend(one) }) });
    await t.rejects(without.pack(), { kind: 'usage', message: /dump=31,98 is a word of crashpath's own/ });
  },
);

t.test('a capture says when it was', async (t) => {
  const run = await made(t, { fixture: 'captured-6.1' });
  await run.pack();
  const { statements } = await run.read();
  const dates = statements.filter(({ what }) => what.startsWith('date'));
  t.ok(dates.some(({ what, says }) => what.includes("vmcore's notes") && says.startsWith('20')));
  t.ok(dates.some(({ what }) => what.includes('as the guest printed it')));
});

t.test('a run that was cut off is packed as far as it went', async (t) => {
  const run = await made(t, { fixture: 'derived-killed-crashpath' });
  const { result } = await run.pack();
  t.match(await run.read(), { result: { verdict: result.verdict, detail: result.detail } });
});

t.test('a bundle that is kept is intact each time it is read', async (t) => {
  const run = await made(t);
  await run.pack();
  const kept = await keepBundle(run.file, run.options);
  t.ok(kept.directory.startsWith(join(run.root, 'cache', 'bundles')));
  const kernel = kept.held?.kernel.bzImage ?? '';
  await writeFile(kernel, 'damaged');
  const again = await keepBundle(run.file, run.options);
  t.equal(again.held?.kernel.bzImage, kernel);
  t.equal(again.held?.kernel.sha256, run.plan.kernel.sha256);
  t.strictSame(
    (await treeOf(join(run.root, 'cache', 'tmp'))).filter((name) => name !== ''),
    [],
    'nothing half-made stays',
  );
});
