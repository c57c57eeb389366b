/**
 * One recipe per fixture: what to run, and the expected verdict (`word/detail`), decided by a person. `newer` takes the
 * second kernel; `capturePatch` overwrites the capture kernel's 64-bit entry; `changePlan` edits the plan;
 * `onEvent` acts on the running guest.
 */
import { QTEST_ARGS } from './fixture-hands.mjs';

const UD2 = Buffer.from('0f0b', 'hex');
const SPIN = Buffer.from('ebfe', 'hex');
/** cli; hlt; jmp to the hlt. */
const HALT = Buffer.from('faf4ebfd', 'hex');
/** Where the kernel image is mapped (nokaslr: at physical address 0 + offset; Documentation/x86/x86_64/mm.rst). */
const KERNEL_MAP = 0xffffffff80000000n;

const limits = (changed) => (plan) => ({ ...plan, limits: { ...plan.limits, ...changed } });
const withQtest = (changed) => (plan) => ({
  ...limits(changed)(plan),
  qemu: { ...plan.qemu, args: [...plan.qemu.args, ...QTEST_ARGS] },
});
/** Time for a write from outside to land before the crash. */
const PAUSE = { script: 'sleep 2' };
const NO_ROOT = 'rdinit=/nonexistent root=/dev/none';

/** Overwrites a kernel function of the first kernel; the scenario needs nokaslr and must print /proc/kallsyms. */
const patchFunction = (name, bytes) => ({
  scenario: {
    guest: { append: 'nokaslr' },
    prepare: [{ script: `grep ' T ${name}$' /proc/kallsyms` }, PAUSE],
  },
  onEvent(event, hand) {
    const address =
      event.type === 'reply' && new RegExp(`^([0-9a-f]{16}) T ${name}\n`).exec(event.output)?.[1];
    if (address) hand.writeMemory(BigInt(`0x${address}`) - KERNEL_MAP, bytes);
  },
});

const once = (test, action) => {
  let done = false;
  return (event, hand) => {
    hand.note(event);
    if (done || !test(event)) return;
    done = true;
    action(hand);
  };
};

export const RECIPES = {
  'captured-6.1': { about: 'stock 6.1, sysrq-c, two CPUs: the baseline', verdict: 'captured/nonce-verified' },
  'captured-6.12': {
    about: 'stock 6.12, sysrq-c, two CPUs',
    verdict: 'captured/nonce-verified',
    newer: true,
  },
  'captured-one-cpu': {
    about: 'one CPU: nobody is there to be shot down, so that no sample shows parked CPUs',
    verdict: 'captured/nonce-verified',
    scenario: { guest: { cpus: 1 } },
  },
  'captured-four-cpus': {
    about: 'four CPUs, crash on the last one',
    verdict: 'captured/nonce-verified',
    scenario: { guest: { cpus: 4 }, trigger: { kind: 'sysrq', key: 'c', cpu: 3 } },
  },
  'captured-nmi': {
    about: 'an unknown NMI that panics (unknown_nmi_panic=1): panic in NMI context',
    verdict: 'captured/nonce-verified',
    scenario: {
      prepare: [{ write: { path: '/proc/sys/kernel/unknown_nmi_panic', value: '1' } }],
      trigger: { kind: 'nmi' },
    },
  },
  'captured-silent-console': {
    about: 'the capture kernel has no console= and prints nothing: near miss, silence is no failure',
    verdict: 'captured/nonce-verified',
    changePlan: (plan) => ({ ...plan, captureAppend: 'irqpoll nr_cpus=1 reset_devices' }),
  },
  'captured-noisy-console': {
    about:
      'before the crash userspace writes escapes, lone CRs, quoted panics, banners and control frames to the console: near miss for every console pattern',
    verdict: 'captured/nonce-verified',
    scenario: {
      prepare: [
        {
          script: [
            String.raw`printf '\033[31mred\033[0m\rover\r\r\n\r\rlone\rcarriage\n' >/dev/ttyS0`,
            String.raw`printf 'log: Kernel panic - not syncing: quoted\n' >/dev/ttyS0`,
            String.raw`printf 'dmesg says Linux version 6.6.6 (quoted)\n' >/dev/ttyS0`,
            String.raw`printf 'args: Command line: elfcorehdr=0x1 quoted\n' >/dev/ttyS0`,
            String.raw`printf 'log: ---[ end Kernel panic - not syncing: quoted ]---\n' >/dev/ttyS0`,
            String.raw`printf 'CP1 {"ev":"capture-hello","release":"","cmdline":""}\n' >/dev/ttyS0`,
            String.raw`printf 'CP1 {"ev":"capture-done"}\n' >/dev/ttyS0`,
            `echo 'userspace says: Kernel panic - not syncing: quoted' >/dev/kmsg`,
            `echo 'app[7]: BUG: unable to handle quoted' >/dev/kmsg`,
            String.raw`printf 'unfinished line' >/dev/ttyS0`,
          ].join('\n'),
        },
      ],
    },
  },
  'captured-boot-console-replayed': {
    about: 'earlyprintk with keep in both kernels: every line twice, banners and command lines included',
    verdict: 'captured/nonce-verified',
    scenario: {
      guest: {
        append: 'earlyprintk=ttyS0,115200,keep',
        captureAppend: 'earlyprintk=ttyS0,115200,keep loglevel=5',
      },
    },
  },
  'no-crash-kernel': {
    about: 'the same panic with nothing loaded',
    verdict: 'no-crash-kernel/panic-ended',
    scenario: { crashKernel: 'absent' },
  },
  'no-crash-kernel-reboot': {
    about: 'nothing loaded and panic=-1: the guest resets at once',
    verdict: 'no-crash-kernel/shutdown',
    scenario: { crashKernel: 'absent', guest: { append: 'panic=-1' } },
  },
  'no-crash-kernel-second-boot': {
    about:
      'nothing loaded, panic=-1, and QEMU told to really reboot: a second banner that is no capture kernel',
    verdict: 'no-crash-kernel/reboot-command-line',
    scenario: { crashKernel: 'absent', guest: { append: 'panic=-1' } },
    changePlan: (plan) => ({
      ...plan,
      qemu: {
        ...plan.qemu,
        args: plan.qemu.args.map((word) => word.replace('reboot=shutdown,shutdown=pause', 'shutdown=pause')),
      },
    }),
  },
  'no-panic-nmi': {
    about: 'an NMI that the kernel is told to survive; its delivery is proved',
    verdict: 'no-panic/still-answers',
    scenario: {
      prepare: [
        { write: { path: '/proc/sys/kernel/unknown_nmi_panic', value: '0' } },
        { write: { path: '/proc/sys/kernel/panic_on_unrecovered_nmi', value: '0' } },
      ],
      prove: [{ interrupts: { row: 'NMI', risesBy: 1 } }],
      trigger: { kind: 'nmi' },
      watchMs: 2000,
    },
  },
  'no-panic-power-off': {
    about: 'sysrq-o: the guest powers off instead of panicking',
    verdict: 'no-panic/powered-off',
    scenario: { trigger: { kind: 'sysrq', key: 'o' } },
  },
  'crash-path-reset-without-panic': {
    about: 'sysrq-b: the guest resets without a panic',
    verdict: 'crash-path-reset/reset-without-panic',
    scenario: { trigger: { kind: 'sysrq', key: 'b' } },
  },
  'crash-path-hang-spin': {
    about: 'machine_kexec() of the first kernel overwritten with a jump to itself',
    verdict: 'crash-path-hang/spin',
    ...patchFunction('machine_kexec', SPIN),
    changePlan: withQtest({}),
  },
  'crash-path-hang-halted': {
    about: 'machine_kexec() of the first kernel overwritten with cli; hlt',
    verdict: 'crash-path-hang/all-vcpus-halted',
    ...patchFunction('machine_kexec', HALT),
    changePlan: withQtest({}),
  },
  'crash-path-hang-idle-cpu': {
    about:
      'the first kernel spins before the shootdown, and another CPU is alive: the loop reads no memory, so that nobody can end it',
    verdict: 'crash-path-hang/spin',
    ...patchFunction('native_machine_crash_shutdown', SPIN),
    changePlan: withQtest({}),
  },
  'purgatory-reset': {
    about: "purgatory's entry overwritten with ud2: a triple fault there",
    verdict: 'crash-path-reset/reset-in-purgatory',
    scenario: { prepare: [PAUSE] },
    changePlan: withQtest({}),
    onEvent(event, hand) {
      if (event.type === 'armed') hand.writeMemory(hand.purgatoryEntry(), UD2);
    },
  },
  'purgatory-hang-digest': {
    about: 'a byte of the loaded crash kernel changed: purgatory finds the digest wrong and loops for ever',
    verdict: 'purgatory-hang/spin',
    scenario: { prepare: [PAUSE] },
    changePlan: withQtest({}),
    onEvent(event, hand) {
      if (event.type !== 'armed') return;
      const size = ({ first, last }) => last - first;
      const largest = event.armed.segments.toSorted((a, b) => (size(b) > size(a) ? 1 : -1))[0];
      hand.writeMemory(largest.first + 0x1000n, Buffer.from('ee', 'hex'));
    },
  },
  'capture-reset-before-banner': {
    about: "the capture kernel's 64-bit entry is ud2: a triple fault before its banner",
    verdict: 'capture-reset/reset-before-banner',
    capturePatch: UD2,
  },
  'capture-hang-spin': {
    about: "the capture kernel's 64-bit entry jumps to itself: it never prints and never moves",
    verdict: 'capture-hang/spin',
    capturePatch: SPIN,
  },
  'capture-hang-dead-timer': {
    about: 'nolapic in both kernels on one CPU: the capture kernel waits for a timer that never comes',
    verdict: 'capture-hang/idle-forever',
    scenario: { guest: { cpus: 1, append: 'nolapic', captureAppend: 'nolapic' } },
  },
  'capture-hang-flood': {
    about: 'the channel limit is reached while the capture kernel prints',
    verdict: 'cannot-tell/console-flood',
    changePlan: limits({ channelBytes: 36_000 }),
  },
  'capture-panic-no-root': {
    about: 'the capture kernel finds no root file system and panics: two panics in one recording',
    verdict: 'capture-panic/no-init',
    scenario: { guest: { captureAppend: NO_ROOT } },
  },
  'capture-panic-no-root-6.12': {
    about: 'the same on 6.12',
    verdict: 'capture-panic/no-init',
    newer: true,
    scenario: { guest: { captureAppend: NO_ROOT } },
  },
  'capture-reset-panic-reboot': {
    about: 'the capture kernel panics with panic=-1: it resets, but the panic is what counts',
    verdict: 'capture-panic/no-init',
    scenario: { guest: { captureAppend: `${NO_ROOT} panic=-1` } },
  },
  'capture-small-memory': {
    about: 'crashkernel=72M is too little for the capture kernel',
    verdict: 'capture-panic/out-of-memory',
    scenario: { guest: { crashkernel: '72M' } },
  },
  'capture-no-vmcore-other-nonce': {
    about: "the guest changes its host name after arming: the vmcore does not hold this run's nonce",
    verdict: 'capture-no-vmcore/nonce-mismatch',
    scenario: { prepare: [{ script: 'hostname somebody-else' }] },
  },
  'boot-failed-panic': {
    about: 'the first kernel finds no root file system and panics',
    verdict: 'boot-failed/panic-during-boot',
    scenario: { guest: { append: NO_ROOT } },
  },
  'boot-failed-panic-reboot': {
    about: 'the same with panic=-1: it resets at once',
    verdict: 'boot-failed/panic-during-boot',
    scenario: { guest: { append: `${NO_ROOT} panic=-1` } },
  },
  'boot-failed-flood': {
    about: 'the channel limit is reached before init spoke',
    verdict: 'cannot-tell/console-flood',
    changePlan: limits({ channelBytes: 8000 }),
  },
  'boot-failed-silent': {
    about: 'no console= for the first kernel and a deadline shorter than its boot',
    verdict: 'boot-failed/boot-silent',
    changePlan: (plan) => ({
      ...limits({ bootMs: 3000 })(plan),
      qemu: { ...plan.qemu, args: plan.qemu.args.map((word) => word.replace('console=ttyS0,115200 ', '')) },
    }),
  },
  'void-not-reserved': {
    about: 'crashkernel=1G on 768 MiB: nothing is reserved',
    verdict: 'void/crashkernel-not-reserved',
    scenario: { guest: { crashkernel: '1G' } },
  },
  'void-load-failed': {
    about: 'crashkernel=16M: the image does not fit and kexec says so',
    verdict: 'void/kexec-load-failed',
    scenario: { guest: { crashkernel: '16M' } },
  },
  'void-not-proved': {
    about: 'a read that does not show what the scenario claims',
    verdict: 'void/state-not-proved',
    scenario: { prove: [{ read: { path: '/proc/sys/kernel/panic_on_oops', equals: '7' } }] },
  },
  'void-preparation-failed': {
    about: 'a preparation that fails in the guest',
    verdict: 'void/preparation-failed',
    scenario: { prepare: [{ script: 'exit 3' }] },
  },
  'void-flood': {
    about: 'userspace floods the console through /dev/kmsg before the crash',
    verdict: 'void/never-fired',
    scenario: {
      prepare: [
        { script: '(while :; do echo flooding the console with one long line >/dev/kmsg; done) & sleep 20' },
      ],
    },
    changePlan: limits({ channelBytes: 40_000 }),
  },
  'qemu-killed-before-firing': {
    about: "QEMU gets SIGKILL from another's hand while the guest boots",
    verdict: 'harness-error/qemu-died',
    onEvent: once(
      (event) => event.type === 'hello',
      (hand) => hand.kill('SIGKILL'),
    ),
  },
  'qemu-killed-in-capture': {
    about: "QEMU gets SIGKILL from another's hand while the capture kernel boots",
    verdict: 'harness-error/qemu-died',
    onEvent: once(
      (event) => event.type === 'capture-command-line',
      (hand) => hand.kill('SIGKILL'),
    ),
  },
  'qemu-terminated-in-capture': {
    about: "QEMU gets SIGTERM from another's hand: its SHUTDOWN event says host, not guest",
    verdict: 'harness-error/qemu-died',
    onEvent: once(
      (event) => event.type === 'capture-command-line',
      (hand) => hand.kill('SIGTERM'),
    ),
  },
  'interrupted-in-capture': {
    about: 'the run is interrupted while the capture kernel boots',
    verdict: 'harness-error/interrupted',
    onEvent: once(
      (event) => event.type === 'capture-command-line',
      (hand) => hand.interrupt(),
    ),
  },
};
