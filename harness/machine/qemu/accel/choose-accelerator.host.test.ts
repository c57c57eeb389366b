import t from 'tap';
import { chooseAccelerator } from './choose-accelerator.js';
import { KVM_PROBE_MS } from './prove-kvm.js';

void t.test('this host is judged within the bounds, independent of its KVM', async (t) => {
  const choice = await chooseAccelerator('auto', {
    qemuBinary: 'qemu-system-x86_64',
    cacheDir: t.testdir(),
  });
  const { kvm } = choice.proof;
  t.equal(choice.accel, kvm.outcome === 'proved' ? 'kvm' : 'tcg');
  // The deadline is put off by the time for which QEMU waited for a CPU.
  const ownMs = kvm.tried ? kvm.tookMs - ('waitedMs' in kvm ? (kvm.waitedMs ?? 0) : 0) : 0;
  t.ok(ownMs <= KVM_PROBE_MS, `${kvm.outcome}, ${ownMs} ms of its own: ${kvm.detail}`);
  t.comment(choice.reason);
});
