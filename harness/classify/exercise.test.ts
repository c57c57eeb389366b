import t from 'tap';
import { b64, frame, MadeRun, madePlan, vmcoreFrame } from '../testing/builders/runs.js';
import { verdictOf } from '../testing/recordings/fixtures.js';

const ASKED = madePlan({ scenario: { capture: { exercise: 'nic' } } });

/** A captured run whose capture init reports this about the device. */
function run(report?: { device: string; after: string }): MadeRun {
  const made = new MadeRun().boot().arm().fire().panic().captureBanner().captureHello();
  made.control(vmcoreFrame());
  if (report !== undefined) {
    made.control(
      frame({
        ev: 'exercise',
        device: b64(report.device),
        before: '',
        after: b64(report.after),
        received: 3,
      }),
    );
  }
  return made;
}

const ROW = ' 11:         12   IO-APIC  11-fasteoi   eth0\n';

void t.test('a device that interrupts is cited', async (t) => {
  const verdict = verdictOf(run({ device: 'eth0', after: ROW }).end().records, ASKED);
  t.match(verdict, { word: 'captured', quality: 'clean' });
  const cited = verdict.evidence.find(({ what }) => what === 'exercise');
  t.equal(cited?.excerpt, 'eth0: 12 interrupts, 3 frames received');
  const row = ' 24:         12   PCI-MSIX-0000:00:02.0   1-edge   nvme0q1\n';
  const disk = verdictOf(run({ device: 'nvme0n1', after: row }).end().records, ASKED);
  const read = disk.evidence.find(({ what }) => what === 'exercise');
  t.equal(read?.excerpt, 'nvme0n1: 12 interrupts, 3 blocks of 64 KiB read');
});

void t.test('one that does not degrades the capture', async (t) => {
  const silent = { device: 'eth0', after: ROW.replace('12 ', ' 0 ') };
  t.match(verdictOf(run(silent).end().records, ASKED), {
    quality: 'degraded',
    degradedBy: ['device-silent'],
  });
  const missing = { device: '', after: '' };
  t.match(verdictOf(run(missing).end().records, ASKED), {
    quality: 'degraded',
    degradedBy: ['device-missing'],
  });
  t.match(verdictOf(run().end().records, ASKED), {
    quality: 'degraded',
    degradedBy: ['exercise-unreported'],
  });
});

void t.test('a scenario that does not ask is not judged by it', async (t) => {
  const silent = { device: 'eth0', after: ROW.replace('12 ', ' 0 ') };
  t.match(verdictOf(run(silent).end().records, madePlan()), { quality: 'clean' });
  t.match(verdictOf(run().end().records, madePlan()), { quality: 'clean' });
});
