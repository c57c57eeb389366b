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
  if (kvm.tried) t.ok(kvm.tookMs <= KVM_PROBE_MS, `${kvm.outcome} after ${kvm.tookMs} ms: ${kvm.detail}`);
  t.comment(choice.reason);
});
