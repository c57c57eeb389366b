import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { crashpath, KERNELS, resultsOf, scratch } from '../testing/crashpath-command.js';

/** A 32-bit kernel; Debian 12 is the last release that has one. */
const KERNEL_32 = process.env['CRASHPATH_TEST_KERNEL_32'] ?? 'debian:bookworm/6.1-686-pae';

t.test('a claim that the guest does not confirm makes the run void', async (t) => {
  const out = await scratch(t);
  const profile = join(out, 'liar.yaml');
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
  const ended = await crashpath([
    ...['run', 'sysrq-task', '-k', KERNELS.six1, '--accel', 'tcg', '--cpus', '1', '--json'],
    ...['--machine-profile', profile, '--out', join(out, 'runs')],
  ]);
  t.equal(ended.exitCode, 2, ended.stderr);
  const [result] = resultsOf(ended.stdout);
  t.match(result, { verdict: 'void', detail: 'state-not-proved', machine: 'liar cpus=1' });
  t.match(result?.explanation, /not proved: \/proc\/interrupts lacks .*\(saw .*IO-APIC/);
  t.notOk(
    result?.phases.some(({ phase }) => phase === 'fired'),
    'nothing was fired',
  );
});

t.test('a 32-bit kernel on a box without an IO-APIC is captured with proof', async (t) => {
  const out = await scratch(t);
  const ended = await crashpath([
    ...['run', 'sysrq-task', '-k', KERNEL_32, '--machine-profile', 'athlon-class', '--json'],
    ...['--out', out, '--timeout-scale', '2'],
  ]);
  t.equal(ended.exitCode, 0, ended.stderr);
  const [result] = resultsOf(ended.stdout);
  t.match(result, { verdict: 'captured', machine: 'athlon-class', lastPhase: 'vmcore-verified' });
  t.match(
    result?.evidence.find(({ what }) => what === 'vmcore')?.excerpt,
    /nodename=cp-[0-9a-f]{32} prstatus=1 vmcoreinfo=yes release=\S+-686/,
  );
  const facts = await readFile(join(result?.directory ?? '', 'host.jsonl'), 'utf8');
  t.match(facts, /"what":"\/proc\/interrupts matches \/XT-PIC\/ and lacks \/IO-APIC\/","proved":true/);
});
