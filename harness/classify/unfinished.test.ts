import t from 'tap';
import type { HostFact } from '../model/record.js';
import { CRASH_CR3, firedRun, MadeRun, PARKED } from '../testing/builders/runs.js';
import { atCapture, inUserspace, PLAN, verdict } from '../testing/builders/verdicts.js';
import { verdictOf } from '../testing/recordings/fixtures.js';

const LATE = { fact: 'deadline', what: "the capture kernel's boot", limitMs: 180_000 } as const;
const backstop = (ownMs: number, wallMs: number): HostFact => ({
  fact: 'deadline',
  what: 'the whole run',
  limitMs: 1_200_000,
  ownMs,
  wallMs,
  backstop: true,
});
const examined = (finding: 'hung' | 'waiting' | 'working' | 'unknown'): HostFact => ({
  fact: 'examination',
  finding,
  why: 'it reads the time and loops',
  vcpus: [],
  tookMs: 100,
});
const talking = (run: MadeRun, everyMs = 4_000) => {
  for (let i = 0; i < 45; i += 1) run.later(everyMs).console(`[   ${10 + i}.000000] still at it`);
  return run;
};

void t.test('a kernel that talks at its deadline is never a hang', async (t) => {
  t.equal(verdict(talking(atCapture()).host(LATE)), 'cannot-tell/still-working');
  t.equal(verdict(talking(inUserspace()).host(LATE)), 'cannot-tell/still-working');
  t.equal(verdict(talking(firedRun().panic()).host(LATE)), 'cannot-tell/still-working');
  t.equal(verdict(talking(atCapture()).later(29_000).host(LATE)), 'cannot-tell/still-working');
  const judged = verdictOf(talking(atCapture()).host(LATE).end().records, PLAN);
  t.match(
    judged.explanation,
    /^the capture kernel had no time to end: it was still sending.*--timeout-scale$/,
  );
});

void t.test('near misses: it fell silent, only a watchdog talks, it talked in an earlier rung', async (t) => {
  t.equal(verdict(talking(atCapture()).later(31_000).host(LATE)), 'capture-hang/deadline');
  const stuck = atCapture();
  for (let i = 0; i < 8; i += 1)
    stuck
      .later(22_000)
      .console(`[   ${22 * i}.000000] watchdog: BUG: soft lockup - CPU#0 stuck for ${22 * i}s!`);
  t.equal(verdict(stuck.host(LATE)), 'capture-hang/deadline');
  t.equal(verdict(firedRun().panic().later(180_000).host(LATE)), 'crash-path-hang/deadline');
  const { explanation } = verdictOf(talking(atCapture()).later(31_000).host(LATE).end().records, PLAN);
  t.match(explanation, /that it cannot end is not proved/);
});

void t.test('a silent kernel that executes new code is working; one in a loop is not', async (t) => {
  const sampled = (ripOf: (i: number) => bigint) => {
    const run = atCapture().later(100_000);
    for (let i = 0; i < 400; i += 1)
      run
        .later(140)
        .sample([{ rip: 0xffffffff81000000n + ripOf(i), cr3: CRASH_CR3, interrupts: true }, PARKED]);
    return run.host(LATE);
  };
  t.equal(verdict(sampled((i) => BigInt(i) * 64n)), 'cannot-tell/still-working');
  t.equal(verdict(sampled((i) => BigInt(i % 8) * 64n)), 'capture-hang/deadline');
});

void t.test('the latest examination of the rung counts, and only a proof is one', async (t) => {
  t.equal(
    verdict(atCapture().host(examined('waiting')).later(60_000).host(LATE)),
    'cannot-tell/still-waiting',
  );
  t.equal(
    verdict(atCapture().host(examined('working')).later(60_000).host(LATE)),
    'cannot-tell/still-working',
  );
  t.equal(verdict(atCapture().host(examined('unknown')).later(60_000).host(LATE)), 'capture-hang/deadline');
  t.equal(
    verdict(atCapture().host(examined('waiting')).host(examined('unknown')).later(60_000).host(LATE)),
    'capture-hang/deadline',
  );
  t.equal(
    verdict(firedRun().panic().host(examined('waiting')).captureBanner().later(60_000).host(LATE)),
    'capture-hang/deadline',
    'the crash path waited, and ended',
  );
});

void t.test('a host that gave the guest no time', async (t) => {
  t.equal(verdict(atCapture().later(60_000).host(backstop(100_000, 1_200_000))), 'cannot-tell/host-starved');
  t.equal(verdict(atCapture().later(60_000).host(backstop(700_000, 1_200_000))), 'capture-hang/deadline');
  t.equal(
    verdict(
      atCapture()
        .later(60_000)
        .host({ ...LATE, ownMs: 1, wallMs: 100 }),
    ),
    'capture-hang/deadline',
  );
});

void t.test('a first kernel that still prints at its deadline did not fail to boot', async (t) => {
  const banner = () =>
    new MadeRun().host({ fact: 'qemu-started', pid: 1 }).console('[    0.000000] Linux version 6.1.0 (x)');
  const boot: HostFact = { fact: 'deadline', what: 'the boot', limitMs: 180_000 };
  t.equal(verdict(talking(banner()).host(boot)), 'cannot-tell/still-booting');
  t.equal(verdict(talking(banner()).later(31_000).host(boot)), 'boot-failed/boot-deadline');
  t.equal(verdict(banner().later(60_000).host(backstop(100_000, 1_200_000))), 'cannot-tell/host-starved');
});

void t.test('a proof, a flood and a capture stand, whatever the deadline says', async (t) => {
  const flood: HostFact = { fact: 'channel-limit', channel: 'console', limitBytes: 5 };
  t.equal(verdict(talking(atCapture()).host(flood).host(LATE)), 'cannot-tell/console-flood');
  const ended = '[   11.000000] ---[ end Kernel panic - not syncing: x ]---';
  t.equal(
    verdict(talking(firedRun().panic()).console(ended).host(LATE)),
    'crash-path-hang/kexec-never-jumped',
  );
});

void t.test("own time counts, not the host's", async (t) => {
  const starved = () => {
    const run = talking(atCapture());
    // 60 s of the host, in which the guest got 20.
    for (let i = 0; i <= 240; i += 1) {
      const threads = [{ thread: 'vcpu0', ranMs: 0, waitedMs: (i * 500) / 3 }];
      run.later(i === 0 ? 0 : 240).host({ fact: 'host-time', threads });
    }
    return run;
  };
  t.equal(verdict(starved().host(LATE)), 'cannot-tell/still-working', '20 s of silence by its own time');
  t.equal(verdict(talking(atCapture()).later(60_000).host(LATE)), 'capture-hang/deadline');
});

void t.test('what sleeps after a fault of the crash path is left of the kernel', async (t) => {
  const LATE_CROSSING = { fact: 'deadline', what: 'the crash path', limitMs: 90_000 } as const;
  const ended = (line: string, state: 'asleep' | 'running', before = '') => {
    const run = before === '' ? firedRun() : firedRun().console(before);
    const asleep = { vcpu: 0, state, place: 'first-kernel', rip: '1' } as const;
    run.panic().console(line).later(100_000);
    const waiting = {
      fact: 'examination',
      finding: 'waiting',
      why: 'a timer is armed',
      tookMs: 100,
    } as const;
    return run.host({ ...waiting, vcpus: [{ ...asleep, saw: [] }] }).host(LATE_CROSSING);
  };
  const bug = '[   10.100000] kernel BUG at arch/x86/kernel/crash.c:1!';
  t.equal(verdict(ended(bug, 'asleep')), 'crash-path-hang/deadline');
  t.match(verdictOf(ended(bug, 'asleep').end().records, PLAN).explanation, /kernel BUG at/);
  t.equal(verdict(ended(bug, 'running')), 'cannot-tell/still-waiting', 'another CPU carries it on');
  t.equal(
    verdict(ended('[   10.1] x', 'asleep', bug)),
    'cannot-tell/still-waiting',
    "the trigger's own report",
  );
  const warning = '[   10.100000] WARNING: CPU: 0 PID: 1 at kernel/smp.c:1 smp_call+0x1/0x2';
  t.equal(verdict(ended(warning, 'asleep')), 'cannot-tell/still-waiting');
  const looks = (...states: readonly ('asleep' | 'running')[]) => {
    const run = firedRun().panic().console(bug).later(100_000);
    for (const state of states) {
      const vcpu = { vcpu: 0, state, place: 'first-kernel' as const, rip: '1', saw: [] };
      run.host({ fact: 'examination', finding: 'waiting', why: 'x', tookMs: 1, vcpus: [vcpu] });
    }
    return verdict(run.host(LATE_CROSSING));
  };
  t.equal(looks('asleep', 'running'), 'crash-path-hang/deadline', 'a timer interrupt at the last look');
  t.equal(looks('asleep', 'running', 'running'), 'cannot-tell/still-waiting');
  const lives = firedRun()
    .panic()
    .console(bug)
    .host({ fact: 'watch-ended', answered: true, afterPanic: true });
  t.match(verdictOf(lives.end().records, PLAN), {
    word: 'no-panic',
    explanation: /reported "kernel BUG at .* after that$/,
  });
});
