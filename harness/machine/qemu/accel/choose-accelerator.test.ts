import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { chooseAccelerator, isRefuted, parseAccelerators } from './choose-accelerator.js';
import { guestsRun, writeProbedQemu } from '../../../testing/fakes/qemu.js';
import { keepProof, readProof } from './kept-proofs.js';
import { KVM_PROBE_MS } from './prove-kvm.js';

const GOOD_KVM = 'printf S; exit 85';
/** Opens for reading and writing everywhere, as /dev/kvm does where it works. */
const DEVICE = '/dev/null';

void t.test('a KVM that does the work is chosen, and remembered', async (t) => {
  const cacheDir = path.join(t.testdir(), 'not', 'there', 'yet');
  const qemuBinary = await writeProbedQemu(t.testdirName, { kvm: GOOD_KVM });
  const options = { qemuBinary, cacheDir, kvmDevice: DEVICE };
  const first = await chooseAccelerator('auto', options);
  t.match(first, {
    accel: 'kvm',
    requested: 'auto',
    fromCache: false,
    qemuVersion: '9.8.7 (pretended)',
    reason: /^KVM is proved: .*\.$/,
    proof: { kvm: { outcome: 'proved', tried: true }, tcgTookMs: Number },
  });
  t.equal(first.cacheProblem, undefined);
  t.match(await chooseAccelerator('kvm', options), { accel: 'kvm', fromCache: true, proof: first.proof });
  t.same(await guestsRun(qemuBinary), ['tcg', 'kvm'], 'the second choice ran no guest');
  t.match(await chooseAccelerator('auto', { ...options, fresh: true }), { accel: 'kvm', fromCache: false });
  t.same(await guestsRun(qemuBinary), ['tcg', 'kvm', 'tcg', 'kvm']);
});

const UNPROVED: readonly { what: string; kvm: string; outcome: string; lasting: boolean }[] = [
  { what: 'ends with a wrong sum', kvm: 'printf S; exit 43', outcome: 'failed', lasting: false },
  { what: 'ends like a reset', kvm: 'exit 0', outcome: 'failed', lasting: false },
  { what: 'is slower than TCG', kvm: 'printf S; sleep 0.6; exit 85', outcome: 'too-slow', lasting: false },
  {
    what: 'never ends and ignores SIGTERM',
    kvm: "trap '' TERM; printf S; exec sleep 1000",
    outcome: 'too-slow',
    lasting: true,
  },
];

for (const { what, kvm, outcome, lasting } of UNPROVED) {
  void t.test(`a KVM whose guest ${what} is not used`, async (t) => {
    const cacheDir = t.testdir();
    const qemuBinary = await writeProbedQemu(cacheDir, { kvm });
    const options = { qemuBinary, cacheDir, kvmDevice: DEVICE };
    const choice = await chooseAccelerator('auto', options);
    t.match(choice, { accel: 'tcg', proof: { kvm: { outcome } }, reason: /^TCG is used because KVM/ });
    t.ok(choice.proof.kvm.tried && choice.proof.kvm.tookMs <= KVM_PROBE_MS);
    t.match(await chooseAccelerator('auto', options), { accel: 'tcg', fromCache: lasting });
    const message = /^cannot use accelerator "kvm": [^;]+; [^\n]+$/;
    await t.rejects(chooseAccelerator('kvm', options), { name: 'Fault', kind: 'usage', message });
    t.equal((await guestsRun(qemuBinary)).length, lasting ? 4 : 6, 'a request for KVM probes again');
    const insisted = await chooseAccelerator('kvm-unproved', options);
    t.match(insisted, { accel: 'kvm', requested: 'kvm-unproved', proof: { kvm: { outcome } } });
    t.equal(insisted.unproved, insisted.proof.kvm.detail);
    t.match(insisted.reason, /^KVM is used although it is not proved: /);
  });
}

void t.test(
  'a slow host has more time for the proof, and a refutation of less time does not count',
  async (t) => {
    const cacheDir = t.testdir();
    // Longer than a guest may take; TCG is slower still, as on an emulated host.
    const qemuBinary = await writeProbedQemu(cacheDir, {
      kvm: 'sleep 3; printf S; exit 85',
      tcg: 'printf S; sleep 1; exit 85',
    });
    const options = { qemuBinary, cacheDir, kvmDevice: DEVICE };
    const limits: number[] = [];
    const onProbe = (limitMs: number) => limits.push(limitMs);
    t.match(await chooseAccelerator('auto', { ...options, onProbe }), { accel: 'tcg', fromCache: false });
    t.match(await chooseAccelerator('auto', { ...options, onProbe }), { accel: 'tcg', fromCache: true });
    t.match(await chooseAccelerator('auto', { ...options, scale: 0.1, onProbe }), { fromCache: true });
    t.match(await chooseAccelerator('auto', { ...options, scale: 3, onProbe }), {
      accel: 'kvm',
      fromCache: false,
      reason: /^KVM is proved: /,
    });
    t.strictSame(limits, [13_000, 39_000], 'a proof from the cache runs no guest');
  },
);

void t.test('who insists on a KVM that is proved has no reservation', async (t) => {
  const cacheDir = t.testdir();
  const qemuBinary = await writeProbedQemu(cacheDir, { kvm: GOOD_KVM });
  const choice = await chooseAccelerator('kvm-unproved', { qemuBinary, cacheDir, kvmDevice: DEVICE });
  t.match(choice, { accel: 'kvm', reason: /^KVM is proved/ });
  t.equal(choice.unproved, undefined);
});

void t.test('a refutation of KVM counts for an hour, a proof until the next boot', async (t) => {
  const cacheDir = t.testdir();
  const hour = 3_600_000;
  const key = { bootId: 'this', qemuPath: '/q', qemuVersion: '9', kvmDevice: DEVICE };
  const kvm = {
    outcome: 'too-slow',
    tried: true,
    tookMs: 2700,
    ended: false,
    waitedMs: 0,
    detail: '',
  } as const;
  const keptAt = (ms: number) => readProof(cacheDir, key, () => ms);
  await keepProof(cacheDir, key, { proof: { kvm }, atMs: hour });
  t.strictSame(await keptAt(2 * hour - 1), { kvm });
  t.equal(await keptAt(2 * hour), undefined);
  t.equal(await keptAt(hour - 1), undefined, 'the clock was set back');
  const proved = { outcome: 'proved', tried: true, tookMs: 300, workMs: 50, detail: '' } as const;
  await keepProof(cacheDir, key, { proof: { kvm: proved }, atMs: hour });
  t.strictSame(await keptAt(200 * hour), { kvm: proved });
});

void t.test('a guest that did not end refutes KVM only with enough time of its own', async (t) => {
  const slow = { outcome: 'too-slow', tried: true, tookMs: 2700, ended: false, detail: '' } as const;
  t.ok(isRefuted({ kvm: { ...slow, waitedMs: 100 }, tcgWorkMs: 400 }));
  t.notOk(isRefuted({ kvm: { ...slow, waitedMs: 900 }, tcgWorkMs: 400 }), 'it waited for a CPU');
  t.notOk(isRefuted({ kvm: { ...slow, waitedMs: 100 }, tcgWorkMs: 1400 }), 'TCG needed half of that');
  t.notOk(isRefuted({ kvm: slow, tcgWorkMs: 400 }), 'the host does not tell');
  t.notOk(
    isRefuted({ kvm: { ...slow, waitedMs: 100 }, tcgWorkMs: 400 }, 2),
    'a slow host has twice the time',
  );
  t.ok(isRefuted({ kvm: { ...slow, tookMs: 5400, waitedMs: 100 }, tcgWorkMs: 400 }, 2));
  t.notOk(isRefuted({ kvm: { ...slow, ended: true, waitedMs: 0 }, tcgWorkMs: 400 }), 'it ended');
});

void t.test('without a device or without KVM in QEMU no guest is run', async (t) => {
  const cacheDir = t.testdir();
  const qemuBinary = await writeProbedQemu(cacheDir, { kvm: GOOD_KVM, builtIn: ['tcg'] });
  const absent = { qemuBinary, cacheDir, kvmDevice: path.join(cacheDir, 'kvm') };
  t.match(await chooseAccelerator('auto', absent), {
    accel: 'tcg',
    proof: { kvm: { outcome: 'no-device' } },
  });
  await t.rejects(chooseAccelerator('kvm', absent), { kind: 'usage', message: /does not exist; load kvm/ });
  const present = { ...absent, kvmDevice: DEVICE };
  t.match(await chooseAccelerator('auto', present), { proof: { kvm: { outcome: 'not-built-in' } } });
  t.match(await chooseAccelerator('tcg', present), {
    accel: 'tcg',
    proof: { kvm: { outcome: 'not-asked' } },
  });
  for (const options of [absent, present]) {
    const insisting = chooseAccelerator('kvm-unproved', options);
    await t.rejects(insisting, { kind: 'usage', message: /^cannot use accelerator "kvm-unproved": / });
  }
  t.same(await guestsRun(qemuBinary), []);
});

void t.test('a QEMU without TCG can prove KVM, and is no use otherwise', async (t) => {
  const cacheDir = t.testdir();
  const qemuBinary = await writeProbedQemu(cacheDir, { kvm: GOOD_KVM, builtIn: ['kvm'] });
  const options = { qemuBinary, cacheDir, kvmDevice: DEVICE };
  const choice = await chooseAccelerator('auto', options);
  t.match(choice, { accel: 'kvm' });
  t.equal(choice.proof.tcgTookMs, undefined);
  await t.rejects(chooseAccelerator('tcg', options), { kind: 'usage', message: /built without it/ });
  const absent = { ...options, kvmDevice: path.join(cacheDir, 'kvm') };
  await t.rejects(chooseAccelerator('auto', absent), { kind: 'harness', message: /built without it/ });
});

void t.test('a damaged, foreign or unwritable cache costs a probe and nothing else', async (t) => {
  const cacheDir = t.testdir();
  const cacheFile = path.join(cacheDir, 'accel.json');
  const qemuBinary = await writeProbedQemu(cacheDir, { kvm: GOOD_KVM });
  const options = { qemuBinary, cacheDir, kvmDevice: DEVICE };
  await chooseAccelerator('auto', options);
  const good = await readFile(cacheFile, 'utf8');
  const spoilt = {
    truncated: good.slice(0, good.length / 2),
    'of another boot': good.replace(/"bootId": "[^"]+"/, '"bootId": "another"'),
    'of another QEMU': good.replace('9.8.7', '9.8.6'),
    'of another shape': good.replace('"tried": true', '"tried": "yes"'),
    'of another version': good.replace('"version": 2', '"version": 1'),
    empty: '',
  };
  for (const [how, text] of Object.entries(spoilt)) {
    t.not(text, good, how);
    await writeFile(cacheFile, text);
    t.match(await chooseAccelerator('auto', options), { accel: 'kvm', fromCache: false }, how);
    t.match(await chooseAccelerator('auto', options), { accel: 'kvm', fromCache: true }, `${how}: repaired`);
  }
  t.notMatch(await readFile(cacheFile, 'utf8'), /another/, 'proofs of other boots are dropped');
  const unwritable = { ...options, cacheDir: path.join(cacheFile, 'below-a-file') };
  const choice = await chooseAccelerator('auto', unwritable);
  t.match(choice, { accel: 'kvm', fromCache: false, cacheProblem: /ENOTDIR|EEXIST/ });
});

void t.test('a missing QEMU is named with its package', async (t) => {
  const options = { qemuBinary: 'qemu-system-x86_64-that-is-not-there', cacheDir: t.testdir() };
  const message =
    'cannot start "qemu-system-x86_64-that-is-not-there": not found in PATH; install qemu-system-x86 (apt-get install qemu-system-x86)';
  await t.rejects(chooseAccelerator('auto', options), { name: 'Fault', kind: 'harness', message });
});

void t.test('an aborted probe throws the reason', async (t) => {
  const cacheDir = t.testdir();
  const qemuBinary = await writeProbedQemu(cacheDir, { kvm: 'exec sleep 1000' });
  const signal = AbortSignal.timeout(1200);
  const choosing = chooseAccelerator('auto', { qemuBinary, cacheDir, kvmDevice: DEVICE, signal });
  await t.rejects(choosing, { name: 'TimeoutError' });
});

void t.test('the list of accelerators leaves its heading out', async (t) => {
  const output = 'Accelerators supported in QEMU binary:\ntcg\nkvm\n';
  t.same([...parseAccelerators(output)], ['tcg', 'kvm']);
});
