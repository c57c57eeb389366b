import t from 'tap';
import type { RunEvent } from '../model/event.js';
import { beginningText, progressText } from './run-progress.js';

const panicAt = (atMs: number): RunEvent => ({
  ...{ type: 'panic', atMs, side: 'production', message: 'made' },
  at: { source: 'host', line: 1 },
});

t.test('how a run begins is said where the user might wonder', async (t) => {
  const template = { name: 'templates/001', tookMs: 6_000 };
  t.equal(beginningText({ template }), ' as a clone of templates/001');
  t.equal(beginningText({ booted: 'control' }), ' with a boot, as a control for the clones');
  t.match(beginningText({ booted: 'no-room' }), / with a boot: this host has no memory to spare/);
  t.equal(beginningText({ booted: 'few-runs' }), '');
  t.equal(beginningText({ booted: 'no-clone' }), '');
});

t.test("a clone's times leave its template's boot out", async (t) => {
  const template = { name: 'templates/001', tookMs: 6_000 };
  t.equal(progressText(panicAt(7_500), { template }), '1.5 s panic');
  t.equal(progressText(panicAt(7_500), { booted: 'control' }), '7.5 s panic');
  t.equal(progressText(panicAt(7_500)), '7.5 s panic');
});
