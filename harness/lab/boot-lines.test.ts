import t from 'tap';
import { readBoot } from './boot-lines.js';

const BOOT = `[    0.078802] [Firmware Bug]: TSC_DEADLINE disabled due to Errata\r
lab: kernel has started\r
lab: kvm_intel is loaded\r
`;

void t.test('a boot that goes on', (t) => {
  t.strictSame(readBoot(''), { steps: [], isUp: false });
  const steps = ['kernel has started', 'kvm_intel is loaded'];
  t.strictSame(readBoot(BOOT), { steps, isUp: false });
  t.strictSame(readBoot(`${BOOT}lab: ssh server is up`), { steps, isUp: false }, 'an incomplete line');
  t.strictSame(readBoot(`${BOOT}lab: ssh server is up\r\n`), {
    steps: [...steps, 'ssh server is up'],
    isUp: true,
  });
  t.end();
});

void t.test('a boot that has failed', (t) => {
  t.equal(readBoot(`${BOOT}lab: failed: no /dev/kvm\r\n`).failure, 'no /dev/kvm');
  const panic = '[   12.5] Kernel panic - not syncing: No working init found.\r\n';
  t.equal(readBoot(`${BOOT}${panic}`).failure, 'Kernel panic - not syncing: No working init found.');
  t.equal(readBoot(`${BOOT}[    9.1] e1000: probe failed: later\r\n`).failure, undefined);
  t.end();
});
