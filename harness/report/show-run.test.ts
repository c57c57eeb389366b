import stripAnsi from 'strip-ansi';
import t from 'tap';
import { madeAutopsy, madeAutopsyVcpu, madeFrame } from '../testing/builders/autopsies.js';
import { showRun } from './show-run.js';
import { HOSTILE, reportFixtures } from '../testing/recordings/reported-run.js';

const { captured: CAPTURED, console: CONSOLE, hung: HUNG, plan: PLAN } = reportFixtures();

const SHOWN = {
  plan: PLAN,
  consoleBytes: CONSOLE,
  directory: 'runs/t/r1',
  files: [
    { name: 'console.bin', sizeBytes: 50_942 },
    { name: 'plan.json', sizeBytes: 3584 },
  ],
  color: false,
};

const HEADER = [
  'run          r1 (campaign t, trial 1)',
  'scenario     sysrq-task: sysrq-c from a shell, task context, interrupts on, crash kernel armed',
  'kernel       6.1.0-56-amd64 (kernels/linux-image-6.1.0-56-amd64_6.1.192-2_amd64.deb, sha256 26f2e57c9933)',
  'capture      the same kernel',
  'loading      kexec_load (kexec -c), command line: console=ttyS0,115200 irqpoll nr_cpus=1 reset_devices',
  'accel        tcg: TCG is used because KVM is not proved: the probe guest did not begin its work within 2531 ms, under TCG it took 491 ms.',
  'machine      pc, cpu max, 2 vCPU, 768 MiB',
  'qemu         7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)',
  'nonce        cp-1807647b3d0d',
  '',
];

const FOOTER = [
  '',
  'files  in runs/t/r1',
  '  console.bin      50942 bytes',
  '  plan.json         3584 bytes',
  '',
  'judge again  crashpath classify runs/t/r1',
  '',
];

void t.test('what the dead machine showed', async (t) => {
  const autopsy = madeAutopsy({
    vcpus: [madeAutopsyVcpu(0, [madeFrame('spin', { interrupted: true }), madeFrame('panic')])],
    findings: ['vCPU 0 spins on a_lock'],
    interrupts: ['no IO-APIC'],
  });
  const text = showRun({ ...SHOWN, result: HUNG, autopsy });
  t.match(
    text,
    '\n\nfound\n  vCPU 0 spins on a_lock\n\nCPU0: runs in the first kernel, interrupts off\npanic\n-> spin+0x10/0x40\n',
  );
  t.notMatch(text, 'no IO-APIC', 'the controllers before firing are shown instead');
});

void t.test('a hang: how far it came and what the verdict rests on', async (t) => {
  t.equal(
    showRun({ ...SHOWN, result: HUNG }),
    [
      ...HEADER,
      'verdict      crash-path-hang: all-vcpus-halted',
      '             the crash path is stuck: every vCPU is halted with interrupts off for 4010 ms',
      'outcome      unexpected (expected captured)',
      'duration     12.7 s',
      '',
      'phases                     at, s    step, s',
      '  * boot                   6.077     +6.077  observed',
      '  * armed                  7.942     +1.865  observed',
      '  * state-proved           7.992     +0.050  observed',
      '  * fired                  8.011     +0.019  observed',
      '  * panic-entered          8.022     +0.011  observed',
      '  * cpus-shot-down         8.148     +0.126  observed',
      '  = end of run            12.700     +4.552  crash-path-hang',
      '  . irqchips-quiesced          -          -  not reached',
      '  . kexec-jump                 -          -  not reached',
      '  . purgatory                  -          -  not reached',
      '  . capture-banner             -          -  not reached',
      '  . capture-userspace          -          -  not reached',
      '  . vmcore-verified            -          -  not reached',
      '',
      'evidence',
      '  console byte 155        8.022  panic: Kernel panic - not syncing',
      '  samples line 40        12.158  hang: cpu0 rip=1000 hlt=1 if=0',
      '',
      `console  around the last line that the verdict cites; ${CONSOLE.length} bytes in console.bin, line@byte`,
      '     1@0  [    2.439897] x86/mm: Checked W+X mappings: passed, no W+X pages found.',
      '    2@74  [    2.440552] Run /init as init process',
      '   3@116  [    4.623530] sysrq: Trigger a crash',
      '   4@155  [    4.624082] Kernel panic - not syncing: sysrq triggered crash',
      '   5@221  [    4.624477] CPU: 1 PID: 130 Comm: sh Kdump: loaded Not tainted 6.1.0-56-amd64 #1  Debian 6.1.192-2',
      '   6@324  [    4.624829] Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.2-debian-1.16.2-1 04/01/2014',
      '   7@434  [    4.624829] Call Trace:',
      '   8@462  [    4.624829]  <TASK>',
      '   9@486  [    4.624829]  dump_stack_lvl+0x44/0x5c',
      '  10@528  [    4.624829]  panic+0x118/0x2f4',
      '  11@563  [    4.624829]  ? _printk+0x68/0x83',
      '  12@600  [    4.624829]  sysrq_handle_crash+0x16/0x20',
      '  13@646  [    4.624829]  __handle_sysrq.cold+0x44/0x11c',
      '  14@694  [    4.624829]  write_sysrq_trigger+0x24/0x40',
      '  15@741  [    4.624829]  proc_reg_write+0x56/0xa0',
      '  16@783  [    4.624829]  vfs_write+0xc7/0x3f0',
      '  17@821  [    4.624829]  ? do_syscall_64+0x69/0xb0',
      '  18@864  [    4.624829]  ? exit_to_user_mode_prepare+0x44/0x240',
      '  19@920  [    4.624829]  ksys_write+0x6b/0xf0',
      ...FOOTER,
    ].join('\n'),
  );
});

void t.test('a capture: implied rungs, quality, the last lines', async (t) => {
  const text = showRun({ ...SHOWN, result: CAPTURED });
  t.match(text, 'verdict      captured (clean): nonce-verified\n');
  t.match(text, '  ~ kexec-jump             8.148     +0.000  implied\n');
  t.match(text, '  = end of run            16.582     +1.311  captured\n');
  t.match(text, 'console  its last lines; ');
  t.match(text, '  38@2186  [    4.624829]  </TASK>');
  const degraded = { ...CAPTURED, quality: 'degraded' as const, degradedBy: ['no-irq-handler', 'cpu-notes'] };
  t.match(
    showRun({ ...SHOWN, result: degraded }),
    "captured (degraded): nonce-verified\n             the capture kernel read this run's nonce out of the crashed kernel's memory\ndegraded by  no-irq-handler, cpu-notes\n",
  );
  const open = { ...CAPTURED, undecided: ['timer-not-connected'] };
  t.match(showRun({ ...SHOWN, result: open }), 'memory\nnot judged   timer-not-connected\n');
});

void t.test('a run that was cut off', async (t) => {
  const text = showRun({
    ...SHOWN,
    consoleBytes: Buffer.alloc(0),
    directory: "runs/it's",
    result: undefined,
  });
  t.equal(
    text,
    [
      ...HEADER,
      'verdict      no verdict: the run was interrupted or killed before it was judged;',
      String.raw`             judge what was recorded with: crashpath classify 'runs/it'\''s'`,
      '',
      'console  its last lines; 0 bytes in console.bin, line@byte',
      '  none',
      ...FOOTER,
    ]
      .join('\n')
      .replace('files  in runs/t/r1', "files  in runs/it's")
      .replace('classify runs/t/r1', String.raw`classify 'runs/it'\''s'`),
  );
});

void t.test('a run without phases or evidence still shows the whole ladder', async (t) => {
  const text = showRun({ ...SHOWN, result: { ...HUNG, phases: [], evidence: [] } });
  t.equal(text.match(/not reached/g)?.length, 12);
  t.match(text, '\n  = end of run            12.700    +12.700  crash-path-hang\n');
  t.match(text, 'evidence\n  none\n');
});

void t.test('colour is only colour', async (t) => {
  const colored = showRun({ ...SHOWN, result: HUNG, color: true });
  t.match(colored, '\u001b[31mcrash-path-hang\u001b[39m');
  t.equal(stripAnsi(colored), showRun({ ...SHOWN, result: HUNG }));
});

void t.test('nothing hostile reaches the terminal, and it cannot be flooded', async (t) => {
  const flood = 'A'.repeat(1_000_000);
  const [item] = HUNG.evidence;
  for (const bad of [HOSTILE, flood]) {
    const text = showRun({
      ...SHOWN,
      plan: {
        ...PLAN,
        nonce: bad,
        scenario: { ...PLAN.scenario, name: bad, summary: bad },
        accel: { accel: 'tcg', reason: bad },
        machine: { ...PLAN.machine, type: bad, cpuModel: bad },
      },
      result: {
        ...HUNG,
        detail: bad,
        explanation: bad,
        expected: bad,
        degradedBy: Array.from({ length: 1000 }, () => bad),
        evidence:
          item === undefined
            ? []
            : Array.from({ length: 1000 }, () => ({ ...item, what: bad, excerpt: bad })),
      },
      consoleBytes: Buffer.from(bad, 'latin1'),
      files: [{ name: bad.slice(0, 50), sizeBytes: 1 }],
    });
    t.notMatch(text, /[^\x20-\x7e\n]/);
    t.ok(text.length < 100_000, `${text.length} characters`);
    t.match(text, '  and 950 more\n');
  }
});
