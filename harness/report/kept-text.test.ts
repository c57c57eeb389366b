import t from 'tap';
import { guestText, keepsText, vmcoreText } from './kept-text.js';

const DUMP = {
  source: 'capture-kernel' as const,
  file: 'vmcore',
  format: 'kdump-compressed',
  bytes: 21 * 1024 * 1024,
  pages: 25_600,
  level: 31,
  vmcoreinfo: true,
};

void t.test('what a plan keeps, and what that changes', async (t) => {
  t.equal(keepsText({}), undefined);
  t.equal(
    keepsText({ keepVmcore: { of: 'failed', diskMiB: 832 }, keepFailed: { most: 2, minutes: 60 } }),
    'its vmcore if it fails (the machine has a virtio disk of 832 MiB for it, and the capture kernel writes it after its proofs); its guest for 60 min if it fails, 2 at a time',
  );
  t.equal(keepsText({ keepVmcore: { of: 'all' } }), 'its vmcore');
});

void t.test('the dump of a run', async (t) => {
  t.equal(vmcoreText({}), undefined);
  t.equal(
    vmcoreText({ vmcore: DUMP }),
    'vmcore: kdump-compressed, 21.0 MiB for 100 MiB of memory; written by the capture kernel, makedumpfile -d 31',
  );
  const outside = { ...DUMP, source: 'outside' as const, vmcoreinfo: false, why: 'no \u001b[31mdisk' };
  const text = vmcoreText({ vmcore: outside }) ?? '';
  t.match(
    text,
    /of the whole machine, written by QEMU from outside; it has no VMCOREINFO: drgn does not open it/,
  );
  t.match(text, /; no .*disk$/);
  t.notOk(text.includes('\u001b'));
  t.equal(vmcoreText({ vmcore: { missing: 'the disk is full' } }), 'none: the disk is full');
});

void t.test('the guest of a run', async (t) => {
  const runId = '001-x';
  t.equal(guestText({ runId }), undefined);
  const guestKept = { pid: 7, forMinutes: 60, symbols: [] };
  t.equal(guestText({ runId, guestKept }), 'it stayed up for 60 min (pid 7); crashpath attach 001-x');
  t.equal(
    guestText({ runId, guestKept: { missing: '1 of 1 guests are up already' } }),
    'it did not stay up: 1 of 1 guests are up already',
  );
});
