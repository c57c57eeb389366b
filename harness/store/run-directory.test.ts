import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { resultOf } from '../classify/result.js';
import { eventsOf, verdictOf } from '../testing/recordings/fixtures.js';
import { firedRun, madePlan, vmcoreFrame } from '../testing/builders/runs.js';
import { createRunDirectory, readPlan, readResult, saveOutcome } from './run-directory.js';
import { storeFault } from './store-fault.js';
import { readJson, writeJson } from './stored-file.js';
import { scratch } from '../testing/files.js';

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

void t.test('a run directory holds its plan and is its owner’s', async (t) => {
  const plan = madePlan();
  const directory = await createRunDirectory(await scratch(t), plan);
  t.match(directory, /\/made$/);
  t.equal(await modeOf(directory), 0o700);
  t.equal(await modeOf(join(directory, 'plan.json')), 0o600);
  t.strictSame(await readPlan(directory), JSON.parse(JSON.stringify(plan)));
});

void t.test('a run directory is never used twice', async (t) => {
  const campaign = await scratch(t);
  await createRunDirectory(campaign, madePlan());
  await t.rejects(createRunDirectory(campaign, { ...madePlan(), nonce: 'other' }), {
    kind: 'usage',
    message: /^cannot create run ".*\/made": it exists already; /,
  });
  t.equal((await readPlan(join(campaign, 'made'))).nonce, 'cp-made', 'the first plan stays');
  await t.rejects(createRunDirectory(join(campaign, 'missing'), madePlan()), {
    kind: 'harness',
    message: /^cannot create /,
  });
});

void t.test('a result is read back as it was saved', async (t) => {
  const plan = madePlan();
  const directory = await createRunDirectory(await scratch(t), plan);
  t.equal(await readResult(directory), undefined, 'none yet');
  const { records } = firedRun().panic().captureHello().control(vmcoreFrame()).end();
  const events = eventsOf(records, plan);
  const result = resultOf(verdictOf(records, plan), plan, { events, directory });
  await saveOutcome(directory, { events, result });
  t.strictSame(await readResult(directory), JSON.parse(JSON.stringify(result)));
  t.match(result, {
    verdict: 'captured',
    quality: 'clean',
    outcome: 'expected',
    lastPhase: 'vmcore-verified',
  });
  t.equal(result.durationMs, Math.round(events.at(-1)?.atMs ?? 0));
  const timeline = await readJson(join(directory, 'timeline.json'));
  t.match(timeline, [{ type: 'host' }]);
  t.match(JSON.stringify(timeline), /"crashSize":"0xc000000"/, 'big numbers are hexadecimal text');
  t.equal(await modeOf(join(directory, 'verdict.json')), 0o600);
  t.strictSame(
    (await readdir(directory)).sort(),
    ['plan.json', 'timeline.json', 'verdict.json'],
    'nothing beside',
  );
});

void t.test('what is no run says so', async (t) => {
  const directory = await scratch(t);
  await t.rejects(readPlan(directory), { kind: 'usage', message: /^cannot read run ".*; name a directory/ });
  await writeFile(join(directory, 'plan.json'), '{"schema":1,');
  await t.rejects(readPlan(directory), { kind: 'usage', message: /no valid plan\.json/ });
  await writeFile(join(directory, 'plan.json'), JSON.stringify({ ...madePlan(), limits: {} }));
  await t.rejects(readPlan(directory), { kind: 'usage', message: /no valid plan\.json/ });
  await writeFile(join(directory, 'verdict.json'), '{}');
  t.equal(await readResult(directory), undefined, 'a damaged verdict can be judged again');
});

void t.test('a moved run says where it is now', async (t) => {
  const plan = madePlan();
  const directory = await createRunDirectory(await scratch(t), plan);
  const { records } = firedRun().end();
  const result = resultOf(verdictOf(records, plan), plan, { events: [], directory: '/somewhere/else' });
  await saveOutcome(directory, { events: [], result });
  t.equal((await readResult(directory))?.directory, directory);
});

void t.test('JSON is replaced whole', async (t) => {
  const path = join(await scratch(t), 'x.json');
  await writeJson(path, { a: 1n });
  await writeJson(path, { a: 255n });
  t.equal(await readFile(path, 'utf8'), '{\n "a": "0xff"\n}\n');
  t.equal(await readJson(join(path, 'missing')), undefined);
  await mkdir(`${path}.d`);
  await t.rejects(writeJson(`${path}.d`, {}), { kind: 'harness', message: /^cannot write / });
});

void t.test('a fault of the disk names reason and remedy on one line', async (t) => {
  const error = (code: string) => Object.assign(new Error(`${code}: it\nfailed`), { code });
  t.match(
    storeFault('write', '/x', error('ENOSPC')).message,
    /^cannot write "\/x": the disk is full.*; free some space/,
  );
  t.match(storeFault('write', '/x', error('EMFILE')).message, /; raise ulimit -n or lower --jobs$/);
  t.match(storeFault('create', '/x', error('EACCES')).message, /permission denied/);
  const cause = error('EWHATEVER');
  const other = storeFault('write', '/x', cause);
  t.notMatch(other.message, /\n/);
  t.equal(other.cause, cause);
  t.equal(other.kind, 'harness');
});
