import t from 'tap';
import { MadeRun, madePlan, RELEASE } from '../testing/builders/runs.js';
import { verdictOf } from '../testing/recordings/fixtures.js';
import type { HostFact } from '../model/record.js';

function explained(...lines: string[]): string {
  return explainedOf('quiet', ...lines);
}

function explainedOf(append: string, ...lines: string[]): string {
  const run = new MadeRun()
    .host({ fact: 'qemu-started', pid: 1 })
    .console(`[    0.000000] Linux version ${RELEASE} (made)`, ...lines);
  return verdictOf(run.end().records, { ...madePlan(), append }).explanation;
}

const NO_ROOT =
  '[    5.000000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)';

void t.test(
  'a first kernel that panics at boot: its message, the line that tells why, the remedy',
  async (t) => {
    t.equal(
      explainedOf(
        'rdinit=/nope',
        '[    4.000000] check access for rdinit=/nope failed: -2, ignoring',
        NO_ROOT,
      ),
      "the first kernel panicked before its init reported: VFS: Unable to mount root fs on unknown-block(0,0); before that: check access for rdinit=/nope failed: -2, ignoring; leave rdinit=/nope out: crashpath's init is /init of the image",
    );
    t.match(
      explained('[    3.000000] Initramfs unpacking failed: write error', NO_ROOT),
      /before that: Initramfs unpacking failed: write error; give the guest more --memory/,
    );
    t.match(explainedOf('rdinit=/nope', NO_ROOT), /\(0,0\); leave rdinit=\/nope out/, 'v6.1 prints no cause');
    t.match(explainedOf('xrdinit=/nope', NO_ROOT), /unpacked no initramfs/, 'another word');
    t.match(explained(NO_ROOT), /unknown-block\(0,0\); the kernel unpacked no initramfs/);
    t.match(
      explained('[    5.000000] Kernel panic - not syncing: Fatal exception'),
      /before its init reported: Fatal exception$/,
    );
  },
);

void t.test("QEMU's last words are in the explanation of its end", async (t) => {
  const exit = (stderr: string): HostFact => ({
    fact: 'qemu-exit',
    code: 1,
    signal: null,
    asked: false,
    stderr,
  });
  const ended = (stderr: string) =>
    verdictOf(new MadeRun().host(exit(stderr)).end().records, madePlan()).explanation;
  t.equal(
    ended("warning: x\nqemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory\n"),
    "QEMU ended by itself or was killed (exit status 1): qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory",
  );
  t.equal(ended(''), 'QEMU ended by itself or was killed (exit status 1)');
});
