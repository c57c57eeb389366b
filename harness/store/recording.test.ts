import { appendFile, mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { atMsOf, type RunRecord } from '../model/record.js';
import { readRecording } from './read-recording.js';
import { openRecorder, RECORDING } from './recorder.js';
import { scratch } from '../testing/files.js';

/** Writes a short recording and returns the recorder's records. */
function write(directory: string): RunRecord[] {
  const recorder = openRecorder(directory);
  const records = [
    recorder.host({ fact: 'qemu-started', pid: 7 }),
    recorder.chunk('console', Buffer.from('hello \xff\r\n', 'latin1')),
    recorder.chunk('control', Buffer.from('CP1 {}\n')),
    recorder.qmp('out', { execute: 'stop', id: 1 }),
    recorder.chunk('console', Buffer.from('world')),
    recorder.sample('CPU#0\nRIP=0'),
    recorder.qmp('in', { event: 'STOP', data: { a: 'ä\u2028' } }),
    recorder.host({ fact: 'ended', why: 'made' }),
  ];
  recorder.close();
  return records;
}

void t.test('what was recorded is read back, in order, with line numbers', async (t) => {
  const directory = await scratch(t);
  const written = write(directory);
  t.strictSame(await readRecording(directory), written);
  t.equal(
    await readFile(join(directory, 'console.bin'), 'latin1'),
    'hello \xff\r\nworld',
    'the bytes as they came',
  );
  const times = written.map(atMsOf);
  t.strictSame(
    times,
    times.toSorted((a, b) => a - b),
    'times never go back',
  );
});

void t.test('only the owner may read a recording', async (t) => {
  const directory = await scratch(t);
  write(directory);
  for (const name of Object.values(RECORDING)) {
    t.equal((await stat(join(directory, name))).mode & 0o777, 0o600, name);
  }
});

void t.test('a recording is never overwritten', async (t) => {
  const directory = await scratch(t);
  write(directory);
  t.throws(() => openRecorder(directory), {
    kind: 'harness',
    message: /^cannot create ".*console\.bin": .*; /,
  });
  t.equal((await readRecording(directory)).length, 8);
});

void t.test('a folder that is not there is a harness fault with a remedy', async (t) => {
  const directory = join(await scratch(t), 'missing');
  t.throws(() => openRecorder(directory), {
    kind: 'harness',
    message: /^cannot create "[^\n]*; choose an --out/,
  });
});

void t.test('what cannot be written is a harness fault', async (t) => {
  const directory = await scratch(t);
  const recorder = openRecorder(directory);
  recorder.close();
  t.throws(() => recorder.chunk('console', Buffer.from('x')), {
    kind: 'harness',
    message: /^cannot write ".*console\.bin": /,
  });
});

void t.test('a torn last line is left out, the rest stays', async (t) => {
  const directory = await scratch(t);
  const written = write(directory);
  for (const name of [RECORDING.host, RECORDING.qmp, RECORDING.samples]) {
    const path = join(directory, name);
    await truncate(path, (await readFile(path)).length - 3);
  }
  const kept = written.filter((_, index) => index !== 5 && index !== 6 && index !== 7);
  t.strictSame(await readRecording(directory), kept);
});

void t.test('bytes without an index line come last', async (t) => {
  const directory = await scratch(t);
  write(directory);
  await appendFile(join(directory, 'console.bin'), ' and more');
  const records = await readRecording(directory);
  const last = records.at(-1);
  t.match(last, { kind: 'chunk', channel: 'console' });
  t.equal(last?.kind === 'chunk' ? last.bytes.toString() : '', ' and more');
  const ended = records.at(-2);
  t.equal(
    last?.kind === 'chunk' && ended?.kind === 'host' && last.atMs === ended.record.atMs,
    true,
    'at the last known time',
  );
  await rm(join(directory, 'chunks.jsonl'));
  const unindexed = (await readRecording(directory)).filter((record) => record.kind === 'chunk');
  t.strictSame(
    unindexed.map(({ channel, bytes }) => [channel, bytes.toString('latin1')]),
    [
      ['console', 'hello \xff\r\nworld and more'],
      ['control', 'CP1 {}\n'],
    ],
    'no index at all',
  );
});

void t.test('an index beyond the end of the bytes yields the existing bytes', async (t) => {
  const directory = await scratch(t);
  write(directory);
  await truncate(join(directory, 'console.bin'), 4);
  const chunks = (await readRecording(directory)).flatMap((record) =>
    record.kind === 'chunk' && record.channel === 'console' ? [record.bytes.toString()] : [],
  );
  t.strictSame(chunks, ['hell', '']);
});

void t.test('lines that are no records are left out, and the numbers of the others stay', async (t) => {
  const directory = await scratch(t);
  const lines = [
    '{"seq":1,"atMs":1,"fact":"ended","why":"a"}',
    'nonsense',
    '[]',
    '{"seq":2,"atMs":2,"fact":"unknown"}',
  ];
  await writeFile(
    join(directory, 'host.jsonl'),
    [...lines, '{"seq":3,"atMs":3,"fact":"ended","why":"b"}', ''].join('\n'),
  );
  t.strictSame(await readRecording(directory), [
    { kind: 'host', line: 0, record: { seq: 1, atMs: 1, fact: 'ended', why: 'a' } },
    { kind: 'host', line: 4, record: { seq: 3, atMs: 3, fact: 'ended', why: 'b' } },
  ]);
});

void t.test('an empty folder is an empty recording; an unreadable file is a fault', async (t) => {
  const directory = await scratch(t);
  t.strictSame(await readRecording(directory), []);
  await mkdir(join(directory, 'console.bin'));
  await t.rejects(readRecording(directory), {
    kind: 'harness',
    message: /^cannot read recording ".*console\.bin"/,
  });
});
