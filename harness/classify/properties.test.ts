import { copyFile, mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { RunEvent } from '../model/event.js';
import type { Channel, RunRecord } from '../model/record.js';
import { readRecording } from '../store/read-recording.js';
import {
  eventsOf,
  type Fixture,
  fixtureNames,
  placeEvent,
  readFixture,
  TESTDATA,
  verdictOf,
} from '../testing/recordings/fixtures.js';
import { firedRun, MadeRun, madePlan, vmcoreFrame } from '../testing/builders/runs.js';
import { type Random, seededRandom } from '../testing/randomness.js';
import { classify } from './classify.js';

/** Another seed looks at other cuts: CRASHPATH_SEED=n. */
const SEED = Number(process.env['CRASHPATH_SEED'] ?? 20_260_101);
const CUTS_PER_FIXTURE = 20;

const fixtures = await Promise.all((await fixtureNames()).map(readFixture));
const captured = fixtures.filter(({ header }) => header.verdict.startsWith('captured/'));
t.comment(`seed ${SEED}`);

void t.test('re-chunking the bytes changes no event', async (t) => {
  const random = seededRandom(SEED);
  for (const { name, plan, records } of fixtures) {
    const expected = eventsOf(records, plan).map(placeEvent);
    const finely = eventsOf(rechunk(records, random, 3), plan).map(placeEvent);
    t.strictSame(finely, expected, `${name}, in pieces of 1 to 3 bytes`);
    const coarsely = eventsOf(rechunk(merged(records), random, 5000), plan).map(placeEvent);
    t.strictSame(coarsely, expected, `${name}, merged and cut again`);
  }
});

void t.test('a recording that is cut short is captured only when its proof is complete', async (t) => {
  const random = seededRandom(SEED);
  for (const fixture of fixtures) {
    for (let i = 0; i < CUTS_PER_FIXTURE; i++) {
      const records = cutShort(fixture.records, random.below(fixture.records.length), random);
      const { word } = verdictOf(records, fixture.plan);
      if (word === 'captured' && !hasProof(fixture, heardOn(records, 'control'))) {
        t.fail(`${fixture.name}, cut at record ${records.length}`);
      }
    }
  }
  t.pass(`${fixtures.length} recordings`);
});

void t.test('the last byte of the frame that completes the proof decides', async (t) => {
  const random = seededRandom(SEED);
  for (const fixture of captured) {
    const proofEnd = proofEndOf(fixture);
    // A capture kernel that died before it had read all is captured by its end, which is recorded last.
    if (proofEnd === Number.POSITIVE_INFINITY) continue;
    for (const [missing, expected] of [
      [0, 'captured'],
      [1, 'harness-error'],
      [1 + random.below(4000), 'harness-error'],
    ] as const) {
      const records = withControlUntil(fixture.records, proofEnd - missing);
      t.equal(verdictOf(records, fixture.plan).word, expected, `${fixture.name}, ${missing} bytes missing`);
    }
  }
});

void t.test('files that are cut anywhere are read and judged', async (t) => {
  const random = seededRandom(SEED);
  const directory = await mkdtemp(join(tmpdir(), 'crashpath-test-'));
  t.teardown(() => rm(directory, { recursive: true }));
  for (const fixture of fixtures) {
    for (const file of await readdir(join(TESTDATA, fixture.name))) {
      await copyFile(join(TESTDATA, fixture.name, file), join(directory, file));
      const size = (await readFile(join(directory, file))).length;
      if (file !== 'plan.json') await truncate(join(directory, file), random.below(size + 1));
    }
    const records = await readRecording(directory);
    const { word } = verdictOf(records, fixture.plan);
    if (word === 'captured') t.ok(hasProof(fixture, heardOn(records, 'control')), fixture.name);
    t.not(records.length, 0);
  }
});

void t.test('noise on both channels never looks like a capture', async (t) => {
  const random = seededRandom(SEED);
  const plan = madePlan();
  for (let i = 0; i < 200; i++) {
    const run = i % 2 === 0 ? firedRun().panic() : new MadeRun();
    for (let j = 0; j < 20; j++) {
      run.bytes(random.below(2) === 0 ? 'console' : 'control', random.bytes(random.below(2000)));
    }
    run.host({ fact: 'deadline', what: 'made', limitMs: 1 }).end();
    t.not(verdictOf(run.records, plan).word, 'captured', `round ${i}`);
  }
});

void t.test('changed bytes of a recording are judged, and never without a proof', async (t) => {
  const random = seededRandom(SEED);
  for (const fixture of fixtures.filter(({ header }) => !header.verdict.startsWith('captured/'))) {
    for (let i = 0; i < 5; i++) {
      const records = fixture.records.map((record) =>
        record.kind === 'chunk' ? { ...record, bytes: damaged(record.bytes, random) } : record,
      );
      t.not(verdictOf(records, fixture.plan).word, 'captured', fixture.name);
    }
  }
});

void t.test('control frames on the console are text', async (t) => {
  for (const { name, plan, records } of captured) {
    const onConsole = records.map((record) =>
      record.kind === 'chunk' && record.channel === 'control'
        ? { ...record, channel: 'console' as const }
        : record,
    );
    t.match(verdictOf(onConsole, plan).word, /^(boot-failed|harness-error)$/, name);
  }
  const forged = firedRun()
    .panic()
    .captureBanner()
    .console(vmcoreFrame().trim())
    .shutdown('guest-shutdown')
    .end();
  t.equal(verdictOf(forged.records, madePlan()).word, 'capture-reset', 'a whole vmcore frame');
});

void t.test('the proof is bound to the run', async (t) => {
  for (const { name, plan, records } of captured) {
    // A recording without an end says nothing about a kernel once its proof does not hold.
    if (!records.some((record) => record.kind === 'host' && record.record.fact === 'ended')) continue;
    const verdict = verdictOf(records, { ...plan, nonce: 'cp-another' });
    t.equal(`${verdict.word}/${verdict.detail}`, 'capture-no-vmcore/nonce-mismatch', name);
    const other = verdictOf(records, { ...plan, kernel: { ...plan.kernel, release: '5.10.0-0-amd64' } });
    t.equal(`${other.word}/${other.detail}`, 'void/wrong-kernel', name);
  }
});

void t.test('classifying is repeatable and changes nothing', async (t) => {
  for (const { name, plan, records } of fixtures) {
    const events = eventsOf(records, plan);
    const before = structuredClone(events);
    t.strictSame(classify(events, plan), classify(events, plan), name);
    t.strictSame(events, before, `${name}: the events are as they were`);
  }
});

/** Splits every chunk at random places, into pieces of 1 to `longest` bytes. */
function rechunk(records: readonly RunRecord[], random: Random, longest: number): RunRecord[] {
  return records.flatMap((record) => {
    if (record.kind !== 'chunk') return [record];
    const pieces: RunRecord[] = [];
    for (let at = 0; at < record.bytes.length; ) {
      const length = 1 + random.below(longest);
      pieces.push({ ...record, bytes: record.bytes.subarray(at, at + length) });
      at += length;
    }
    return pieces;
  });
}

/** Joins chunks of one channel that follow each other directly. */
function merged(records: readonly RunRecord[]): RunRecord[] {
  const joined: RunRecord[] = [];
  for (const record of records) {
    const last = joined.at(-1);
    if (record.kind === 'chunk' && last?.kind === 'chunk' && last.channel === record.channel) {
      joined[joined.length - 1] = { ...last, bytes: Buffer.concat([last.bytes, record.bytes]) };
    } else {
      joined.push(record);
    }
  }
  return joined;
}

/** The records before number `count`, and a part of that one when it is a chunk. */
function cutShort(records: readonly RunRecord[], count: number, random: Random): RunRecord[] {
  const next = records[count];
  const kept = records.slice(0, count);
  if (next?.kind !== 'chunk') return kept;
  return [...kept, { ...next, bytes: next.bytes.subarray(0, random.below(next.bytes.length + 1)) }];
}

/** Everything up to byte `end` of the control channel, and nothing after it. */
function withControlUntil(records: readonly RunRecord[], end: number): RunRecord[] {
  const kept: RunRecord[] = [];
  let heard = 0;
  for (const record of records) {
    if (record.kind !== 'chunk' || record.channel !== 'control') {
      kept.push(record);
      continue;
    }
    kept.push({ ...record, bytes: record.bytes.subarray(0, end - heard) });
    heard += record.bytes.length;
    if (heard >= end) return kept;
  }
  return kept;
}

function heardOn(records: readonly RunRecord[], channel: Channel): number {
  return records.reduce(
    (sum, record) => sum + (record.kind === 'chunk' && record.channel === channel ? record.bytes.length : 0),
    0,
  );
}

/** Offset behind the last byte of the frame that proves the capture, or of the end of the reading that was asked for. */
function proofEndOf({ records, plan }: Fixture): number {
  const events = eventsOf(records, plan);
  const isWhole = events.some((event) => event.type === 'armed' && event.armed.patterns !== undefined);
  const isProof = (event: RunEvent) =>
    isWhole ? event.type === 'vmcore-read' : event.type === 'vmcore' && event.vmcore.nodename === plan.nonce;
  const proof = events.find(isProof);
  return proof !== undefined && 'offset' in proof.at
    ? proof.at.offset + proof.at.length
    : Number.POSITIVE_INFINITY;
}

function hasProof(fixture: Fixture, controlBytes: number): boolean {
  return controlBytes >= proofEndOf(fixture);
}

function damaged(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  for (let i = 0; i < 1 + copy.length / 200 && copy.length > 0; i++) {
    copy[random.below(copy.length)] = random.below(256);
  }
  return copy;
}
