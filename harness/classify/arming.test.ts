import t from 'tap';
import type { RunPlan } from '../plan/run-plan.js';
import { parseArmed } from '../timeline/armed.js';
import { armedReport, MadeRun, madePlan } from '../testing/builders/runs.js';
import { verdictOf } from '../testing/recordings/fixtures.js';
import { loadError } from './arming.js';

/** The explanation of a run whose report of `kexec -p` has these lines besides. */
function explained(changes: Parameters<typeof armedReport>[0], ...lines: string[]): string {
  return explainedRun(
    new MadeRun().boot().arm([armedReport({ loaded: false, ...changes }), ...lines, ''].join('\n')),
  );
}

function explainedRun(run: MadeRun, append = 'crashkernel=192M', changes: Partial<RunPlan> = {}): string {
  return verdictOf(run.end().records, { ...madePlan(), append, ...changes }).explanation;
}

/** What kexec-tools 2.0.25 prints of a refused load, as recorded from Debian 6.1 with lockdown=integrity. */
const REFUSED = [
  'error=kexec_load failed: Operation not permitted',
  'error=entry       = 0x2ef54760 flags = 0x3e0001',
  'error=nr_segments = 7',
  'error=segment[0].buf   = 0x563bc626d6b0',
  'error=segment[0].memsz = 0x1000',
];

void t.test('a refused load: the error itself, the line of the kernel, the remedy', async (t) => {
  const lockdown = 'Lockdown: kexec: kexec of unsigned images is restricted; see man kernel_lockdown.7';
  const text = explained(
    {},
    ...REFUSED,
    'log=[    0.000000] Command line: console=ttyS0 lockdown=integrity kexec',
    'log=[    0.000000] Reserving 192MB of memory at 560MB for crashkernel (System RAM: 767MB)',
    `log=[    7.811136] ${lockdown}`,
    `log=[    9.479866] ${lockdown}`,
    'log=[    9.500000] random: crng init done',
  );
  t.equal(
    text,
    `kexec -p could not load the crash kernel: kexec_load failed: Operation not permitted; the kernel says: ${lockdown}; a kernel that is locked down refuses kexec_load: boot it without lockdown=, or load a signed capture kernel with --load-syscall kexec_file_load`,
  );
  t.match(explained({}, ...REFUSED), /not permitted; the kernel forbids it: see kernel\.kexec_load_disabled/);
  t.match(explained({}, 'error=something new'), /crash kernel: something new$/, 'no remedy is known');
  t.match(explained({}), /crash kernel: exit status 0$/);
});

void t.test('a load by kexec_file_load that the kernel refused', async (t) => {
  const refused = (...lines: string[]) =>
    explainedRun(
      new MadeRun().boot().arm([armedReport({ loaded: false, segments: false }), ...lines, ''].join('\n')),
      undefined,
      { loadSyscall: 'kexec_file_load' },
    );
  // As recorded from Debian's signed 6.1 with lockdown=integrity, and from a 32-bit kernel.
  t.match(
    refused(
      'error=kexec_file_load failed: Operation not permitted',
      'log=[    9.539790] Lockdown: kexec: kexec of unsigned images is restricted; see man kernel_lockdown.7',
    ),
    /^kexec -p -s could not load .*: kexec_file_load failed: Operation not permitted; the kernel says: Lockdown: .*; a kernel that is locked down takes an image only if a key of its keyrings signed it/,
  );
  t.match(
    refused('error=syscall kexec_file_load not available.'),
    /: syscall kexec_file_load not available; the kernel has no kexec_file_load\(\): build it with CONFIG_KEXEC_FILE=y/,
  );
  t.match(refused('error=kexec_file_load failed: Required key not available'), /takes signed images only/);
});

void t.test('a reservation that is too small: what is needed', async (t) => {
  const small = [
    'error=Could not find a free area of memory of 0x3f98000 bytes...',
    'error=locate_hole failed',
  ];
  t.match(
    explained({}, ...small, 'kernel=66682880', 'initrd=1996800'),
    /0x3f98000 bytes\.\.\. \| locate_hole failed; the reservation of 192 MiB is too small: the unpacked kernel takes 63\.6 MiB and its initramfs 1\.9 MiB, .*; give it a bigger --crashkernel \(192M is the default\)$/,
  );
  t.match(explained({}, ...small), /192 MiB is too small; give it/, 'an older image');
});

void t.test('nothing reserved', async (t) => {
  const none = armedReport({
    loaded: false,
    size: 0,
    range: false,
    error: 'Memory for crashkernel is not reserved',
  });
  const run = (line?: string) => {
    const made = new MadeRun().boot();
    return (line === undefined ? made : made.console(line)).arm(none);
  };
  t.equal(
    explainedRun(
      run('[    0.042437] crashkernel reservation failed - No suitable area found.'),
      'crashkernel=1G',
    ),
    'the kernel reserved no memory for crashkernel=1G; the kernel says: crashkernel reservation failed - No suitable area found; give the guest more --memory or a smaller --crashkernel',
  );
  t.match(
    explainedRun(run('[    0.000000] crashkernel: memory value expected'), 'crashkernel=auto'),
    /the kernel says: crashkernel: memory value expected; this kernel has no crashkernel=auto: give it a size/,
  );
  t.match(explainedRun(run('crashkernel: Memory value expected'), 'crashkernel=x'), /; correct its value$/);
  t.match(
    explainedRun(run('crashkernel reservation failed - memory is in use.'), 'crashkernel=256M@16M'),
    /; that place is not free: leave out @ and what follows it$/,
  );
  t.match(explainedRun(run(), 'quiet crashkernel=4G-:1G'), /for crashkernel=4G-:1G; is the memory/);
  t.match(explainedRun(run(), 'quiet'), /for a crash kernel; give it --crashkernel$/);
  t.match(
    explainedRun(
      new MadeRun().boot().arm(`${none}log=[    0.0] crashkernel reservation failed - memory is in use\n`),
      'crashkernel=64M@0M',
    ),
    /the kernel says: crashkernel reservation failed - memory is in use; give/,
    'a silent console: the report has the line',
  );
});

void t.test('a kernel without kexec', async (t) => {
  t.match(
    explainedRun(new MadeRun().boot().arm('status=255\nloaded=\nsize=\n')),
    /has no kexec.*CONFIG_KEXEC=y/,
  );
});

void t.test("a guest that is late is not called dead, and its step's name is kept", async (t) => {
  const late = { fact: 'deadline', what: 'reading kallsyms, piece 3 of 14', limitMs: 120_000 } as const;
  t.equal(
    explainedRun(new MadeRun().boot().arm().host(late)),
    'the guest did not answer within 120 s, before it was panicked: reading kallsyms, piece 3 of 14; on a busy host give a bigger --timeout-scale',
  );
  t.equal(
    explainedRun(new MadeRun().boot().arm().shutdown('guest-reset')),
    'the guest ended before it was panicked',
  );
});

void t.test('the error in short, for a progress line', async (t) => {
  t.equal(
    loadError(parseArmed(['status=255', ...REFUSED].join('\n'))),
    'kexec_load failed: Operation not permitted',
  );
  t.equal(loadError(parseArmed('status=1')), 'exit status 1');
});

void t.test('a reservation without a unit', async (t) => {
  const bytes = (last: string) =>
    explainedRun(
      new MadeRun()
        .boot()
        .arm(
          [
            armedReport({ loaded: false }).replace(/^(?:range|size)=.*\n/gm, ''),
            'size=192',
            `range=2e000000-${last} : Crash kernel`,
            'error=Cannot load /crash/vmlinuz',
            '',
          ].join('\n'),
        ),
      'crashkernel=192',
    );
  t.match(bytes('2e0000bf'), /; 192 bytes are reserved: does crashkernel=192 lack its unit, as in 192M\?$/);
  t.match(bytes('2e0fffff'), /Cannot load \/crash\/vmlinuz$/, 'a mebibyte');
});
