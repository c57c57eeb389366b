import t from 'tap';
import { kindIn } from './reset-kind.js';

/** Beginnings of real logs of `-d cpu_reset`, QEMU 7.2. */
const START = 'CPU Reset (CPU 0)\nEAX=00000000 EBX=00000000\n';

void t.test('a triple fault is named by QEMU, another reset is not one', async (t) => {
  t.equal(kindIn(`${START}Triple fault\nCPU Reset (CPU 0)\n`), 'triple fault');
  t.equal(kindIn(`${START}CPU Reset (CPU 0)\n`), 'other reset');
  t.equal(kindIn(`${START}no Triple fault here\n`), 'other reset', 'only a line of its own counts');
  t.equal(kindIn(''), undefined, 'KVM logs nothing');
});
