import t from 'tap';
import type { SavedDumpFact } from '../model/distribution.js';
import {
  armedReport,
  CRASH_CR3,
  MadeRun,
  madePlan,
  NONCE,
  PARKED,
  RELEASE,
} from '../testing/builders/runs.js';
import { verdict } from '../testing/builders/verdicts.js';

const PLAN = {
  ...madePlan(),
  distribution: {
    spec: 'debian:12',
    key: '0'.repeat(16),
    disk: '/cache/disk.ext4',
    diskBytes: 2 ** 31,
    initrd: '/cache/initrd',
    packages: {},
  },
};

const OPENED = {
  by: 'makedumpfile 1.7.2',
  logBytes: 36_000,
  nonce: true,
  panic: 'Kernel panic - not syncing: x',
};
const WHOLE: SavedDumpFact = {
  fact: 'saved-dump',
  state: 'whole',
  path: '/var/crash/202611281020/dump.202611281020',
  bytes: 43_639_632,
  nodename: NONCE,
  release: RELEASE,
  opened: OPENED,
};
const MISSING: SavedDumpFact = { fact: 'saved-dump', state: 'missing', why: 'none' };

/** As the consoles of Debian 12 show it (kdump-tools 1:1.8.1). */
const RUNNING =
  '[  165.811832] kdump-tools[219]: running makedumpfile -F -c -d 31 /proc/vmcore | compress > /var/crash/202611281020/dump-incomplete.\n';
const SAVED = '[  225.811832] kdump-tools[219]: kdump-tools: saved vmcore in /var/crash/202611281020.\n';
const FAILED =
  '[  225.811832] kdump-tools[219]: kdump-tools: failed to save vmcore in /var/crash/202611281020 ... failed!\n';

const atCapture = () =>
  new MadeRun()
    .boot()
    .arm(armedReport({ segments: false }))
    .fire()
    .panic()
    .sample([{ rip: 0x1000n, cr3: CRASH_CR3 }, PARKED])
    .captureBanner();
const ended = (...console: string[]) =>
  console.reduce((run, line) => run.console(line), atCapture()).shutdown('guest-reset');

void t.test('a dump of this run that was opened', async (t) => {
  t.match(verdict(ended(RUNNING, SAVED).host(WHOLE), PLAN), /^captured\/dump-opened$/);
  const silent = { ...WHOLE };
  t.match(verdict(ended().host(silent), PLAN), /^captured\/dump-opened$/, 'the console need not say it');
  const { nodename: _, release: __, ...core } = WHOLE;
  t.match(verdict(ended().host(core), PLAN), /^captured/, 'a copy of /proc/vmcore has no such names');
});

void t.test('dumps that are no proof', async (t) => {
  const of = (changes: Partial<SavedDumpFact>, ...console: string[]) =>
    verdict(ended(RUNNING, ...console).host({ ...WHOLE, ...changes }), PLAN);
  t.equal(of({ state: 'damaged', why: 'cut off' }, SAVED), 'capture-no-vmcore/dump-damaged');
  t.equal(of({ state: 'unfinished' }, FAILED), 'capture-no-vmcore/dump-unfinished');
  t.equal(of({ nodename: 'cp-other' }), 'capture-no-vmcore/nonce-mismatch');
  t.equal(of({ release: '6.12.9' }), 'capture-no-vmcore/wrong-release');
  t.equal(of({ opened: { ...OPENED, nonce: false } }), 'capture-no-vmcore/nonce-mismatch');
  const { panic: _, ...without } = OPENED;
  t.equal(of({ opened: without }), 'capture-no-vmcore/nonce-mismatch');
  t.equal(
    of({ opened: { failed: 'makedumpfile: no' } }),
    'cannot-tell/dump-not-opened',
    "a program's failure here",
  );
});

void t.test('a disk that this host could not read says nothing', async (t) => {
  const unread: SavedDumpFact = { fact: 'saved-dump', state: 'unread', why: 'e2fsck: no end within 300 s' };
  t.equal(verdict(ended(RUNNING, SAVED).host(unread), PLAN), 'cannot-tell/dump-not-opened');
  t.equal(
    verdict(ended().host(unread), PLAN),
    'cannot-tell/dump-not-opened',
    'not a reset of its boot either',
  );
});

void t.test('no dump', async (t) => {
  t.equal(verdict(ended(RUNNING, FAILED).host(MISSING), PLAN), 'capture-no-vmcore/dump-missing');
  t.equal(
    verdict(ended().host(MISSING), PLAN),
    'capture-reset/reset-in-capture-boot',
    'without a word of the kdump service it may not have come that far',
  );
  const panicked = atCapture().console('[    9.000000] Kernel panic - not syncing: Out of memory\n');
  t.match(verdict(panicked.later(9_000).host(MISSING), PLAN), /^capture-panic\//);
});

void t.test("a run of crashpath's own images is not judged by it", async (t) => {
  t.equal(verdict(ended(RUNNING, SAVED).host(WHOLE)), 'capture-reset/reset-in-capture-boot');
});
