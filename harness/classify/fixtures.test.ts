import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { parseDocument } from 'yaml';
import { judge } from '../model/expectation.js';
import {
  eventsOf,
  type Fixture,
  type FixtureHeader,
  fixtureNames,
  HEADER,
  nameEvent,
  readFixture,
  TESTDATA,
} from '../testing/recordings/fixtures.js';
import { classify } from './classify.js';

/** Rewrites the computed part of every header instead of comparing it; a person then reads the difference. */
const UPDATE = process.env['CRASHPATH_UPDATE'] === '1';
const MAX_FIXTURE_BYTES = 150 * 1024;

const names = await fixtureNames();

void t.test('there are recordings of good and of bad ends', async (t) => {
  const words = await Promise.all(names.map(async (name) => (await readFixture(name)).header.verdict));
  for (const word of ['captured', 'capture-hang', 'capture-panic', 'crash-path-hang', 'no-panic', 'void']) {
    t.ok(
      words.some((verdict) => verdict.startsWith(`${word}/`)),
      word,
    );
  }
});

for (const name of names) {
  void t.test(`recording ${name}`, async (t) => {
    const fixture = await readFixture(name);
    const paths = JSON.stringify(fixture.plan).match(/(?<=")\/[^"]*/g) ?? [];
    for (const path of paths) t.match(path, /^\/(kernels|images|proc|sys|dev)\//, 'paths of no machine');
    const events = eventsOf(fixture.records, fixture.plan);
    const verdict = classify(events, fixture.plan);
    t.equal(`${verdict.word}/${verdict.detail}`, fixture.header.verdict, 'the verdict that a person expects');
    const computed: FixtureHeader['computed'] = {
      ...(verdict.word === 'captured' ? { quality: verdict.quality } : {}),
      degradedBy: verdict.word === 'captured' ? [...verdict.degradedBy] : [],
      lastPhase: verdict.lastPhase ?? 'none',
      outcome: judge(verdict, fixture.plan.scenario.expect),
      // A report's stack, or the host time, would be most of the header.
      events: events
        .filter((event) => event.type !== 'report-frame')
        .filter((event) => event.type !== 'host' || event.fact.fact !== 'host-time')
        .map(nameEvent),
    };
    if (UPDATE) await updateHeader(fixture, computed);
    else t.strictSame(computed, fixture.header.computed, "the code's full result");
    for (const { excerpt, atMs } of verdict.evidence) {
      t.match(excerpt, /^[\x20-\x7e]*$/, 'evidence is printable');
      t.ok(atMs >= 0);
    }
    t.ok((await bytesIn(name)) <= MAX_FIXTURE_BYTES, 'a fixture stays small');
  });
}

async function updateHeader({ name }: Fixture, computed: FixtureHeader['computed']): Promise<void> {
  const path = join(TESTDATA, name, HEADER);
  const document = parseDocument(await readFile(path, 'utf8'));
  document.set('computed', computed);
  await writeFile(path, document.toString({ lineWidth: 100 }));
}

async function bytesIn(name: string): Promise<number> {
  const files = await readdir(join(TESTDATA, name));
  const sizes = await Promise.all(files.map(async (file) => (await stat(join(TESTDATA, name, file))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
