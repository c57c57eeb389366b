import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { scratch } from '../testing/files.js';
import { evidenceOf, runScenario } from '../testing/guests/run-scenario.js';

/** A 32-bit kernel; Debian 12 is the last release that has one. */
const KERNEL_32 = process.env['CRASHPATH_TEST_KERNEL_32'] ?? 'debian:bookworm/6.1-686-pae';

t.test('a claim that the guest does not confirm makes the run void', async (t) => {
  const profile = join(await scratch(t), 'liar.yaml');
  await writeFile(
    profile,
    [
      'version: 1',
      'name: liar',
      'summary: an ordinary PC that claims to have no IO-APIC',
      'machine: pc',
      'cpuModel: max',
      'prove: [{ read: { path: /proc/interrupts, lacks: IO-APIC } }]',
    ].join('\n'),
  );
  const choices = { words: ['--accel', 'tcg', '--cpus', '1', '--machine-profile', profile] };
  const { result, exitCode, stderr } = await runScenario(t, 'sysrq-task', choices);
  t.equal(exitCode, 2, stderr);
  t.match(result, { verdict: 'void', detail: 'state-not-proved', machine: 'liar cpus=1' });
  t.match(result.explanation, /not proved: \/proc\/interrupts lacks .*\(saw .*IO-APIC/);
  t.notOk(
    result.phases.some(({ phase }) => phase === 'fired'),
    'nothing was fired',
  );
});

t.test('a 32-bit kernel on a box without an IO-APIC is captured with proof', async (t) => {
  const choices = {
    kernel: KERNEL_32,
    words: ['--machine-profile', 'athlon-class', '--timeout-scale', '2'],
  };
  const { result, exitCode, stderr, facts } = await runScenario(t, 'sysrq-task', choices);
  t.equal(exitCode, 0, stderr);
  t.match(result, { verdict: 'captured', machine: 'athlon-class', lastPhase: 'vmcore-verified' });
  t.match(
    evidenceOf(result, 'vmcore')[0],
    /nodename=cp-[0-9a-f]{32} prstatus=1 vmcoreinfo=yes release=\S+-686/,
  );
  t.match(
    facts.join('\n'),
    /"what":"\/proc\/interrupts matches \/XT-PIC\/ and lacks \/IO-APIC\/","proved":true/,
  );
});

t.test('vCPUs that are plugged after the crash kernel was loaded have no notes', async (t) => {
  const words = ['--accel', 'tcg', '--vmcore', 'nonce'];
  const { result, exitCode, stderr, facts } = await runScenario(t, 'hotplug-cpus-after-kexec-load', {
    words,
  });
  t.equal(exitCode, 0, stderr);
  t.match(result, { verdict: 'captured', quality: 'degraded', machine: 'roomy-cpus' });
  t.ok(result.degradedBy?.includes('missing-cpu-notes'), `degraded by ${result.degradedBy?.join(', ')}`);
  t.match(facts.join('\n'), /"what":"2 plugged vCPUs are online","proved":true,"saw":"CPUs 0-3"/);
});

t.test('a disk is read at the crash, and again by the capture kernel', async (t) => {
  const words = ['--accel', 'tcg', '--vmcore', 'nonce'];
  const { result, exitCode, stderr, facts } = await runScenario(t, 'disk-busy-virtio-blk', { words });
  t.equal(exitCode, 0, stderr);
  t.match(result, { verdict: 'captured', outcome: 'expected' });
  t.notOk(
    result.degradedBy?.some((why) => why.startsWith('device-')),
    'the disk works',
  );
  t.match(facts.join('\n'), /the disk interrupts: \d+, \d+/);
});
