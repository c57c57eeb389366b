import t from 'tap';
import { parseCpuModels } from './qemu-lists.js';

t.test('CPU models as two generations of QEMU list them', async (t) => {
  const old =
    'Available CPUs:\nx86 486                   (alias configured by machine type)\nx86 max                   Enables all\n\nRecognized CPUID flags:\n  3dnow sse\n';
  t.strictSame([...parseCpuModels(old)], ['486', 'max']);
  const recent =
    'Available CPUs:\n  486                   (alias)\n  qemu64-v1             QEMU\n\nRecognized CPUID flags:\n  3dnow sse\n';
  t.strictSame([...parseCpuModels(recent)], ['486', 'qemu64-v1']);
  t.strictSame([...parseCpuModels('')], []);
});
