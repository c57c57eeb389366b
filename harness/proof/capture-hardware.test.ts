import t from 'tap';
import { readControlLine } from '../timeline/control.js';
import { proveCapture } from './proofs.js';
import type { CaptureWitness } from './witness.js';

const base64 = (text: string) => Buffer.from(text).toString('base64');

function report(hardware: string | undefined, interrupts = ''): CaptureWitness {
  const frame = {
    ...{ ev: 'capture-facts', dmesgLines: 1, cpus: 1, modulesFailed: '', interrupts: base64(interrupts) },
    ...(hardware === undefined ? {} : { hardware: base64(hardware) }),
  };
  const event = readControlLine(`CP1 ${JSON.stringify(frame)}`);
  if (event.type !== 'capture-facts') throw new Error(JSON.stringify(event));
  return { ...event, at: { source: 'control', offset: 0, length: 0 }, atMs: 0 };
}

/** As images/init/lib.sh prints it. */
const PRINTED = 'levels=5\nefi=0\niommus=1\nnodes=2\n';
const REMAPPED = ' 24:  7  IR-PCI-MSI-0000:00:02.0    0-edge      virtio0-config\n';

void t.test("the capture kernel's hardware", async (t) => {
  const judged = (hardware: object, witness: CaptureWitness) => proveCapture([{ hardware }], witness)[0];
  const there = report(PRINTED, REMAPPED);
  t.match(judged({ pagingLevels: 5, efi: false, iommu: true, irqRemapping: true, numaNodes: 2 }, there), {
    proved: true,
    saw: 'pagingLevels 5, efi false, iommu true, irqRemapping true, numaNodes 2',
  });
  t.match(judged({ pagingLevels: 4 }, there), { proved: false, what: 'its hardware is pagingLevels 4' });
  t.match(judged({ iommu: false }, there), { proved: false });
  const unmapped = report('levels=4\nefi=1\niommus=0\nnodes=1\n', ' 24:  7  PCI-MSI 49152-edge eth0\n');
  t.match(judged({ efi: true, iommu: false, irqRemapping: false }, unmapped), { proved: true });
  t.match(
    judged({ efi: true }, report(undefined)),
    { proved: false, saw: 'none reported' },
    'an older image',
  );
});
