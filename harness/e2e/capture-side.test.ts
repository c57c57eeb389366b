import t from 'tap';
import { evidenceOf, runMade, runScenario } from '../testing/guests/run-scenario.js';
import { readPlan } from '../store/run-directory.js';
import { qemusUnder } from '../testing/processes.js';

t.test('one byte of the loaded crash image is inverted: purgatory refuses it', async (t) => {
  const { result, stderr, out } = await runScenario(t, 'corrupt-crash-image');
  t.match(result, { verdict: 'purgatory-hang', detail: 'spin', outcome: 'expected' }, stderr);
  const proof = result.evidence.find(({ excerpt }) => /crash image differs/.test(excerpt))?.excerpt ?? '';
  const [, loaded, now] = /loaded 0x([0-9a-f]{2}), now 0x([0-9a-f]{2})/.exec(proof) ?? [];
  t.ok(loaded !== undefined && now !== undefined, proof);
  t.equal(Number.parseInt(loaded ?? '', 16) ^ Number.parseInt(now ?? '', 16), 0xff, 'all its bits');
  t.strictSame(await qemusUnder(out), [], 'no QEMU is left');
});

t.test(
  'kexec_file_load, and a whole command line: captured, and what is not known is not guessed',
  async (t) => {
    const words = ['--load-syscall', 'kexec_file_load', '--capture-cmdline', 'nr_cpus=1 quiet'];
    const { result, stderr } = await runScenario(t, 'sysrq-task', { words });
    t.match(result, { verdict: 'captured', outcome: 'expected', loadSyscall: 'kexec_file_load' }, stderr);
    const [compared] = evidenceOf(result, 'memory-compared');
    t.match(compared, /"differing":0/);
    const { captureAppend, loadSyscall } = await readPlan(result.directory);
    t.strictSame([captureAppend, loadSyscall], ['nr_cpus=1 quiet', 'kexec_file_load']);
    const samples = result.phases.find(({ phase }) => phase === 'purgatory');
    t.equal(samples?.how, 'implied', 'where purgatory lies is not known');
  },
);

t.test('the mapping of /proc/vmcore alone is compared with memory, and the verdict says so', async (t) => {
  const { result, stderr } = await runScenario(t, 'sysrq-task', { words: ['--vmcore', 'mapped'] });
  t.match(result, { verdict: 'captured', quality: 'clean', outcome: 'expected' }, stderr);
  t.ok(result.undecided?.includes('vmcore-page-reads'), 'what was not read is not judged');
  t.notOk(result.undecided?.includes('vmcore-whole'));
  const [read] = evidenceOf(result, 'vmcore-read');
  t.match(read, /, 0 pages unreadable; 1024 pattern pages; \d{5,} pages by mmap alone$/);
  const [compared] = evidenceOf(result, 'memory-compared');
  t.match(compared, /"differing":0/);
});

t.test('a report of the capture kernel about its timers is a proof, or makes the run void', async (t) => {
  const { result, stderr, exitCode } = await runMade(t, [
    'prove: [{ everyVcpu: { svme: false } }, { everyVcpu: { vmxe: false } }]',
    'proveCapture: [{ interrupts: { row: "4", atLeast: 1 } }, { clockevent: [no-such-timer] }]',
    'trigger: { kind: sysrq, key: c }',
    'expect: { verdict: captured }',
  ]);
  t.match(result, { verdict: 'void', detail: 'state-not-proved', lastPhase: 'vmcore-verified' }, stderr);
  t.match(
    result.explanation,
    /clock event device is no-such-timer \(saw [a-z-]+\)/,
    'not row 4: that is given',
  );
  const evidence = result.evidence.map(({ excerpt }) => excerpt).join('\n');
  t.match(
    evidence,
    /every vCPU has EFER\.SVME = 0","proved":true,"saw":"cpu0 EFER=0x[0-9a-f]+; cpu1 EFER=0x/,
  );
  t.match(evidence, /every vCPU has CR4\.VMXE = 0","proved":true/);
  t.match(evidence, /clocksource=[\w-]+ clockevent=\w+/, 'its timers');
  t.equal(exitCode, 2);
});
