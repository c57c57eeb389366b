import t from 'tap';
import type { Place } from '../model/place.js';
import type { RunPlan } from '../plan/run-plan.js';
import { patternSum } from '../timeline/chunk-sums.js';
import {
  armedReport,
  CRASH_CR3,
  frame,
  IDLE,
  MadeRun,
  type MadeVcpu,
  madePlan,
  NONCE,
  PARKED,
  vmcoreFrame,
} from '../testing/builders/runs.js';
import { captured, DEADLINE, PLAN } from '../testing/builders/verdicts.js';
import { verdictOf } from '../testing/recordings/fixtures.js';

/** The quality, the reasons, and what is undecided, except what most made runs do not have: a whole read, and samples. */
const NOT_MADE = new Set(['vmcore-whole', 'cpus-stopped']);

function judge(run: MadeRun, plan: RunPlan = PLAN): string {
  const verdict = verdictOf(run.end().records, plan);
  if (verdict.word !== 'captured') return `${verdict.word}/${verdict.detail}`;
  const open = verdict.undecided.filter((aspect) => !NOT_MADE.has(aspect)).map((aspect) => `${aspect}?`);
  return [verdict.quality, ...verdict.degradedBy, ...open].join(' ');
}

/** What came before is within its last third. */
const LONG_DEADLINE = { fact: 'deadline', what: 'the wait', limitMs: 90_000 } as const;
const done = (run: MadeRun) => run.control(frame({ ev: 'capture-done' }));
const finished = (run: MadeRun) => done(run).shutdown('guest-shutdown');

const IN_CAPTURE: MadeVcpu = { rip: 0xffffffff81000000n, cr3: CRASH_CR3, interrupts: true };

/** A capture with samples of the other vCPU for three seconds after the capture kernel's start. */
function beside(
  other: (sample: number) => MadeVcpu,
  online = '0-1',
  others = 1,
  sampling: Sampling = {},
): MadeRun {
  return finished(besideFrom(new MadeRun(), other, { online, others, ...sampling }));
}

interface Sampling {
  readonly samples?: number;
  readonly everyMs?: number;
}

function besideFrom(
  run: MadeRun,
  other: (sample: number) => MadeVcpu,
  {
    online = '0-1',
    others = 1,
    samples = 30,
    everyMs = 90,
  }: Sampling & { readonly online?: string; readonly others?: number } = {},
): MadeRun {
  run.boot().arm();
  run.control(frame({ ev: 'firing', id: 2, online })).panic();
  run.sample([{ rip: 0xffffffff81000000n }, ...Array<MadeVcpu>(others).fill(PARKED)]);
  for (let index = 0; index < samples; index++) {
    run.later(everyMs).sample([IN_CAPTURE, ...Array<MadeVcpu>(others).fill(other(index))]);
  }
  return run
    .captureBanner()
    .captureHello()
    .control(vmcoreFrame({ cpus: online === '0' ? 1 : 1 + others }));
}

void t.test('every other vCPU is stopped', async (t) => {
  t.equal(judge(beside(() => PARKED)), 'clean');
  t.equal(judge(beside(() => IDLE)), 'degraded cpu-not-stopped', 'idle in the crashed kernel');
  t.equal(judge(beside(() => IDLE, '0-3', 3)), 'degraded cpu-not-stopped', 'three of them are one reason');
  const user: MadeVcpu = { rip: 0x400000n, cpl: 3, interrupts: true };
  t.equal(judge(beside((index) => (index % 2 === 0 ? IDLE : user))), 'degraded cpu-not-stopped');
  const spinning: MadeVcpu = { rip: 0xffffffff81003000n };
  t.equal(judge(beside(() => spinning)), 'degraded cpu-not-stopped', 'spins with interrupts off');
  t.equal(judge(beside(() => spinning, '0')), 'clean', 'it was offline at firing');
  t.equal(judge(beside(() => IDLE, '0')), 'degraded cpu-not-stopped', 'no offline CPU has its interrupts on');
  const firmware: MadeVcpu = { rip: 0x9f000n, real: true };
  t.equal(judge(beside(() => firmware)), 'degraded cpu-not-stopped', 'it was online, and runs firmware');
  t.equal(judge(beside(() => ({ ...firmware, halted: true }))), 'clean', 'halted there, or waits for a SIPI');
  t.equal(judge(beside(() => firmware, '0')), 'clean', 'never started');
  t.equal(judge(beside((index) => (index < 14 ? firmware : IN_CAPTURE))), 'clean', 'being started');
  t.equal(judge(beside(() => IN_CAPTURE)), 'clean', 'nr_cpus=2 in the capture kernel');
  const until = (last: number, before: MadeVcpu) => beside((index) => (index < last ? before : IN_CAPTURE));
  t.equal(judge(until(25, PARKED)), 'clean', 'started by the capture kernel');
  t.equal(judge(until(2, spinning)), 'clean', 'on its way into the capture kernel');
  t.equal(judge(until(6, IDLE)), 'clean', 'it may have been starved until the capture kernel took it');
  const moving = (index: number) => (index % 2 === 0 ? IDLE : user);
  t.equal(
    judge(beside((index) => (index < 6 ? moving(index) : IN_CAPTURE))),
    'degraded cpu-not-stopped',
    'a fast capture kernel took it within the grace',
  );
  t.equal(
    judge(beside((index) => (index < 6 ? moving(index) : index < 7 ? PARKED : IN_CAPTURE))),
    'clean',
    'it was stopped before',
  );
  t.equal(
    judge(beside((index) => (index < 25 ? (index % 2 === 0 ? IDLE : user) : IN_CAPTURE))),
    'degraded cpu-not-stopped',
    'it ran until the capture kernel took it',
  );
  t.equal(
    judge(beside((index) => (index < 14 ? PARKED : index < 15 ? IN_CAPTURE : user))),
    'clean',
    "page tables of the capture kernel's process in low memory",
  );
  t.equal(judge(beside((index) => (index < 8 ? IDLE : PARKED))), 'clean', 'stopped within the grace');
  t.equal(
    judge(beside((index) => (index === 20 ? spinning : PARKED))),
    'clean',
    'an NMI woke it for a moment',
  );
  t.equal(judge(beside((index) => (index < 25 ? spinning : PARKED))), 'clean', 'it may have been starved');
  const timed = (waitedMs: number) => {
    const threads = (waited: number) => [{ thread: 'vcpu1', ranMs: 5, waitedMs: waited }];
    const run = new MadeRun().host({ fact: 'host-time', threads: threads(0) });
    return finished(
      besideFrom(run, (index) => (index < 25 ? spinning : PARKED)).host({
        fact: 'host-time',
        threads: threads(waitedMs),
      }),
    );
  };
  t.equal(judge(timed(1_200)), 'clean', 'it waited for the host all the time');
  t.equal(judge(timed(30)), 'degraded cpu-not-stopped', 'it did not wait for the host');
  const undecided = (run: MadeRun) => {
    const verdict = verdictOf(run.end().records, PLAN);
    return verdict.word === 'captured' && verdict.undecided.includes('cpus-stopped');
  };
  t.ok(undecided(beside((index) => (index < 25 ? spinning : PARKED))), 'and that is said');
  t.notOk(undecided(beside(() => PARKED)));
  t.ok(undecided(finished(captured())), 'no samples');
  const woken = (awake: (index: number) => MadeVcpu) =>
    beside((index) => (index < 14 ? PARKED : awake(index)));
  t.equal(judge(woken(() => spinning)), 'clean', 'left its hlt, and stands behind it');
  t.ok(undecided(woken(() => spinning)), 'and that is said');
  const loop = (index: number) => ({ ...spinning, rip: spinning.rip + BigInt((index % 2) * 2) });
  t.equal(
    judge(woken((index) => (index === 14 ? { ...PARKED, halted: false } : loop(index)))),
    'clean',
    'awake behind its hlt in one sample, then in the loop of two instructions (recorded on a busy host)',
  );
  t.equal(
    judge(woken((index) => (index === 14 ? { ...spinning, rip: PARKED.rip + 0x40n } : loop(index)))),
    'degraded cpu-not-stopped',
    'it was somewhere else in between',
  );
  t.equal(
    judge(woken((index) => ({ ...spinning, rip: spinning.rip + BigInt(index % 3) }))),
    'degraded cpu-not-stopped',
    'left its hlt, and is in a longer loop',
  );
  t.equal(
    judge(woken(() => ({ ...spinning, interrupts: true }))),
    'degraded cpu-not-stopped',
    'takes interrupts',
  );
  t.equal(judge(woken(() => IDLE)), 'degraded cpu-not-stopped', 'asleep, and takes interrupts');
  const running = (index: number) => ({ ...spinning, rip: spinning.rip + BigInt(index * 64) });
  t.equal(judge(beside((index) => (index < 25 ? running(index) : PARKED))), 'degraded cpu-not-stopped');
});

void t.test('samples once in five seconds: three of them vouch for the vCPUs, two do not', async (t) => {
  const spinning: MadeVcpu = { rip: 0xffffffff81003000n };
  const sparse = (other: MadeVcpu, samples: number) => {
    const run = beside(() => other, '0-1', 1, { samples, everyMs: 5_000 });
    const verdict = verdictOf(run.end().records, PLAN);
    if (verdict.word !== 'captured') return verdict.word;
    return [
      verdict.quality,
      ...verdict.degradedBy,
      ...verdict.undecided.filter((a) => a === 'cpus-stopped'),
    ].join(' ');
  };
  // The first one is the capture kernel's first sign: the vCPU has another second.
  t.equal(sparse(PARKED, 4), 'clean');
  t.equal(sparse(spinning, 4), 'degraded cpu-not-stopped');
  t.equal(sparse(PARKED, 3), 'clean cpus-stopped');
  t.equal(sparse(spinning, 3), 'clean cpus-stopped', 'not found: said to be undecided');
  t.equal(sparse(PARKED, 1), 'clean cpus-stopped');
});

void t.test('the rung of the shootdown is not reached when it missed a vCPU', async (t) => {
  const rungs = (run: MadeRun) => verdictOf(run.end().records, PLAN).phases.map(({ phase }) => phase);
  t.ok(rungs(beside(() => PARKED)).includes('cpus-shot-down'));
  t.notOk(rungs(beside(() => IDLE)).includes('cpus-shot-down'), 'neither observed nor implied');
});

void t.test('notes are due for the CPUs that were online at firing', async (t) => {
  const run = (notes: number, ...frames: string[]) => {
    const made = new MadeRun().boot({ cpus: 4 }).arm();
    for (const one of frames) made.control(one);
    return finished(
      made
        .panic()
        .captureHello()
        .control(vmcoreFrame({ cpus: notes })),
    );
  };
  const plan = madePlan({ cpus: 4 });
  const firing = (online: string) => frame({ ev: 'firing', id: 3, online });
  const reply = (online: string) => frame({ ev: 'reply', id: 2, status: 0, out: '', online });
  t.equal(judge(run(3, firing('0,2-3')), plan), 'clean');
  t.equal(judge(run(2, firing('0,2-3')), plan), 'degraded missing-cpu-notes');
  t.equal(judge(run(3, reply('0,2-3'), frame({ ev: 'firing', id: 3 })), plan), 'clean', 'fired from outside');
  t.equal(
    judge(run(3, frame({ ev: 'firing', id: 3 })), plan),
    'degraded missing-cpu-notes',
    'an older image',
  );
  t.equal(judge(run(3, firing('nonsense')), plan), 'degraded missing-cpu-notes');
});

void t.test('the capture kernel comes to its own end', async (t) => {
  t.equal(judge(finished(captured())), 'clean');
  t.equal(judge(captured().shutdown('guest-reset')), 'degraded reset-after-proof');
  t.equal(
    judge(done(captured()).shutdown('guest-reset')),
    'degraded reset-after-proof',
    'even at the very end',
  );
  t.equal(
    judge(captured().shutdown('guest-shutdown')),
    'degraded unfinished-capture',
    'it did not report its end',
  );
  t.equal(judge(captured().host(DEADLINE)), 'degraded unfinished-capture');
  const examined = { fact: 'examination' as const, why: 'it reads the time', vcpus: [], tookMs: 1 };
  const late = (finding: 'waiting' | 'unknown') =>
    captured()
      .host({ ...examined, finding })
      .host(DEADLINE);
  t.equal(
    judge(late('waiting')),
    'degraded unfinished-capture',
    'a sleep that could end, and did not in time',
  );
  t.equal(
    judge(captured().console('[    9.000000] x').host(LONG_DEADLINE)),
    'clean capture-end?',
    'it still worked',
  );
  t.equal(judge(late('unknown')), 'degraded unfinished-capture');
  const panic = '[    9.000000] Kernel panic - not syncing: x';
  t.equal(judge(captured().console(panic)), 'degraded panic-in-capture');
  t.equal(
    judge(captured().console(panic).shutdown('guest-reset')),
    'degraded panic-in-capture',
    'named once',
  );
  const halted = (run: MadeRun) => {
    for (let index = 0; index < 50; index++) run.later(140).sample([{ ...PARKED, cr3: CRASH_CR3 }, PARKED]);
    return run;
  };
  t.equal(judge(halted(captured())), 'degraded hang-after-proof');
  t.equal(judge(halted(done(captured()))), 'degraded hang-after-proof', 'no power-off');
  const last = '[   20.000000] reboot: System halted';
  t.equal(judge(halted(done(captured()).console(last))), 'clean', 'a machine without a power switch');
  t.equal(judge(captured()), 'clean capture-end?', 'the host ended the run');
  const killed = { fact: 'qemu-exit', code: null, signal: 'SIGKILL', asked: false, stderr: '' } as const;
  t.equal(judge(captured().host(killed)), 'clean capture-end?');
});

/** A whole read of a vmcore of 64 MiB, and the host's comparison. */
function whole(
  changes: {
    unreadable?: number;
    patterns?: number;
    nonce?: string;
    missing?: number;
    differing?: number;
    compared?: boolean;
    notesDiffer?: boolean;
    addressesDiffer?: number;
    pagesChanged?: number | undefined;
    /** Where the vCPUs were when the memory was summed. */
    place?: Place;
    /** Samples show that the other vCPU is stopped. */
    sampled?: boolean;
    /** What the frame says of mmap. */
    mapped?: {
      readonly mapped: string;
      readonly mapErrno: string;
      readonly unlike: string;
      readonly unread?: string;
    };
  } = {},
): MadeRun {
  const {
    unreadable = 0,
    patterns = 1024,
    nonce = NONCE,
    missing = 0,
    differing = 0,
    compared = true,
    place = 'purgatory',
    sampled = true,
    mapped,
    ...headers
  } = changes;
  const pages = Array.from({ length: patterns }, (_, index) => index);
  const seen = Buffer.alloc(128);
  for (const page of pages) seen.writeUInt8(seen.readUInt8(page >> 3) | (1 << (page & 7)), page >> 3);
  const hex = (value: number, digits = 16) => value.toString(16).padStart(digits, '0');
  const run = new MadeRun().boot().arm(`${armedReport()}patterns=1024\n`).fire().panic();
  if (sampled) for (let index = 0; index < 30; index++) run.later(90).sample([IN_CAPTURE, PARKED]);
  run.host({ fact: 'memory-at-jump', place, pages: 16_000, tookMs: 900 });
  run.captureBanner().captureHello().control(vmcoreFrame());
  run.control(
    frame({
      ev: 'vmcore-read',
      size: hex(64 * 1024 * 1024),
      unreadable: hex(unreadable),
      at: hex(unreadable === 0 ? 0 : 0x123000),
      errno: hex(unreadable === 0 ? 0 : 5, 8),
      seen: seen.toString('hex'),
      sum: patternSum(nonce, pages),
      ...mapped,
    }),
  );
  finished(run.control(frame({ ev: 'vmcore-reader', status: 0 })));
  const counts = { chunkBytes: 1024 * 1024, compared: 63, partly: 1, dataPages: 8000 };
  if (!compared) return run;
  return run.host({
    fact: 'memory-compared',
    ...counts,
    pagesChanged: 0,
    ...headers,
    differing,
    pagesMissing: missing,
    saw: 'made',
  });
}

void t.test('QEMU is killed while /proc/vmcore is read', async (t) => {
  const killed = { fact: 'qemu-exit', code: null, signal: 'SIGKILL', asked: false, stderr: '' } as const;
  const reading = (report: string) =>
    new MadeRun().boot().arm(report).fire().panic().captureBanner().captureHello().control(vmcoreFrame());
  const asked = `${armedReport()}patterns=1024\n`;
  t.equal(judge(reading(asked).host(killed)), 'harness-error/qemu-died', 'the whole was asked for');
  t.equal(judge(reading(armedReport()).host(killed)), 'clean capture-end?', 'only the nonce was asked for');
  const refused = reading(asked).control(frame({ ev: 'vmcore-reader', status: 126 }));
  t.equal(judge(refused.host(killed)), 'clean capture-end?', 'nothing more was to come');
  const { explanation } = verdictOf(reading(asked).host(killed).end().records, PLAN);
  t.match(
    explanation,
    /\(SIGKILL\), after the capture kernel had read the nonce, before all of \/proc\/vmcore was read$/,
  );
});

void t.test('the whole of /proc/vmcore is the memory of the crashed kernel', async (t) => {
  t.equal(judge(whole()), 'clean');
  t.equal(judge(whole({ compared: false })), 'clean vmcore-compared?');
  t.equal(judge(whole({ missing: 1 })), 'degraded vmcore-incomplete');
  t.equal(judge(whole({ missing: 4000 })), 'degraded vmcore-incomplete', 'half is left');
  t.equal(judge(whole({ missing: 4001 })), 'capture-no-vmcore/vmcore-zeros');
  t.equal(judge(whole({ missing: 4001, unreadable: 6000 })), 'capture-no-vmcore/vmcore-unreadable');
  t.equal(judge(whole({ unreadable: 1 })), 'degraded vmcore-unreadable');
  t.equal(judge(whole({ unreadable: 9000, compared: false })), 'capture-no-vmcore/vmcore-unreadable');
  t.equal(judge(whole({ differing: 2 })), 'degraded vmcore-differs');
  t.equal(judge(whole({ differing: 40 })), 'capture-no-vmcore/vmcore-differs');
  const card = madePlan({ scenario: { guest: { nic: { model: 'e1000', net: 'frames' } } } });
  t.equal(judge(whole({ differing: 2 }), card), 'clean vmcore-compared?', 'the card may have written');
  t.equal(judge(whole({ missing: 2 }), card), 'degraded vmcore-incomplete', 'a card does not make zeros');
  t.equal(judge(whole({ notesDiffer: false, addressesDiffer: 0 })), 'clean');
  t.equal(judge(whole({ notesDiffer: true })), 'degraded vmcore-notes-differ');
  t.equal(judge(whole({ addressesDiffer: 1 })), 'degraded vmcore-headers-differ');
  const none = 'f'.repeat(16);
  const pages = '000000000000f000';
  const mapped = (unlike: string, mapErrno = '00000000') => ({ mapped: pages, mapErrno, unlike });
  t.equal(judge(whole({ mapped: mapped(none) })), 'clean');
  t.equal(judge(whole({ mapped: mapped(none, '00000013') })), 'clean', 'a kernel without mmap is read');
  const unlike = mapped('0000000000100000');
  t.equal(judge(whole({ mapped: unlike })), 'degraded vmcore-differs', 'what was read is right');
  t.equal(judge(whole({ mapped: unlike, missing: 1 })), 'degraded vmcore-incomplete', 'what was read is not');
  t.equal(judge(whole({ mapped: unlike }), card), 'clean vmcore-compared?', 'the card may have written');
  const alone = { ...mapped(none), unread: pages };
  t.equal(judge(whole({ mapped: alone })), 'clean vmcore-page-reads?', 'the mapping alone was asked for');
  t.equal(judge(whole({ mapped: { ...alone, unread: '0'.repeat(16) } })), 'clean', 'and every page was read');
  t.equal(judge(whole({ mapped: alone, missing: 1 })), 'degraded vmcore-incomplete vmcore-page-reads?');
  t.equal(judge(whole({ mapped: alone, missing: 4001 })), 'capture-no-vmcore/vmcore-zeros');
  t.equal(
    judge(whole({ mapped: { ...unlike, unread: '0000000000000100' } })),
    'degraded vmcore-differs vmcore-page-reads?',
    'until a read gave other bytes',
  );
  t.equal(judge(whole({ patterns: 1023 })), 'degraded patterns-missing');
  t.equal(judge(whole({ nonce: 'cp-other' })), 'degraded patterns-missing', "another run's");
  t.equal(judge(whole({ patterns: 0 })), 'capture-no-vmcore/patterns-missing');
});

void t.test('memory that was overwritten after the jump', async (t) => {
  t.equal(judge(whole({ pagesChanged: 1 })), 'degraded vmcore-overwritten');
  t.equal(judge(whole({ pagesChanged: 1, place: 'capture-kernel' })), 'degraded vmcore-overwritten');
  t.equal(judge(whole({ pagesChanged: 0, place: 'capture-start' })), 'clean', 'the decompressor');
  t.equal(judge(whole({ pagesChanged: 0, place: 'capture-kernel' })), 'clean vmcore-unchanged?', 'too late');
  t.equal(judge(whole({ pagesChanged: undefined })), 'clean vmcore-unchanged?', 'not summed');
  t.equal(judge(whole({ pagesChanged: 4000 })), 'degraded vmcore-overwritten', 'half is left');
  t.equal(judge(whole({ pagesChanged: 4001 })), 'capture-no-vmcore/vmcore-overwritten');
  t.equal(
    judge(whole({ pagesChanged: 1, sampled: false })),
    'clean vmcore-unchanged?',
    'a vCPU may have run on',
  );
  const card = madePlan({ scenario: { guest: { nic: { model: 'e1000', net: 'frames' } } } });
  t.equal(judge(whole({ pagesChanged: 1 }), card), 'clean vmcore-unchanged?', 'the card may have written');
  const kvm: RunPlan = { ...PLAN, accel: { accel: 'kvm', reason: 'made' } };
  const byHost = 4 * PLAN.machine.cpus;
  t.equal(judge(whole({ pagesChanged: byHost }), kvm), 'clean vmcore-unchanged?', "KVM's pages of each vCPU");
  t.equal(judge(whole({ pagesChanged: byHost + 1 }), kvm), 'degraded vmcore-overwritten', 'more than those');
});

void t.test('a program that cannot read to the end', async (t) => {
  const ended = (status: number) =>
    verdictOf(finished(captured().control(frame({ ev: 'vmcore-reader', status }))).end().records, PLAN);
  t.match(ended(137), { quality: 'degraded', degradedBy: ['vmcore-read-failed'] }, 'killed');
  const open = { quality: 'clean', undecided: ['cpus-stopped', 'vmcore-whole'] };
  t.match(ended(126), open, 'not executable on a 32-bit kernel');
  t.match(ended(2), open, 'the same, taken for a script by busybox');
  t.match(ended(1), { quality: 'degraded', degradedBy: ['vmcore-read-failed'] }, 'its own failure');
  t.match(verdictOf(finished(captured()).end().records, PLAN), open);
});

void t.test('a first read error is cited with its offset', async (t) => {
  const { evidence } = verdictOf(whole({ unreadable: 3 }).end().records, PLAN);
  t.ok(evidence.some(({ excerpt }) => excerpt.includes('the first at 0x123000 (errno 5)')));
});

void t.test("the capture kernel's own taint, whatever its console shows", async (t) => {
  const ended = (taint: number, ...lines: string[]) =>
    judge(
      captured()
        .console(...lines)
        .control(frame({ ev: 'capture-done', taint }))
        .shutdown('guest-shutdown'),
    );
  t.equal(ended(0), 'clean');
  t.equal(ended(1 << 7), 'degraded oops-in-capture');
  t.equal(ended(1 << 9), 'degraded warning-in-capture');
  t.equal(
    ended((1 << 0) | (1 << 12) | (1 << 13)),
    'clean',
    'modules that are out of tree, unsigned or proprietary',
  );
  t.equal(ended(1 << 7, '[    2.000000] kernel BUG at mm/made.c:1!'), 'degraded oops-in-capture', 'once');
});
