import t, { type Test } from 'tap';
import type { HostFact } from '../model/record.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { MachineOpener } from '../run/machine-opener.js';
import { HostLost } from '../ssh/host-lost.js';
import { madePlan } from '../testing/builders/runs.js';
import { planOnHost, remainingPlans } from './resume.js';
import { type CampaignOptions, NoHostLeft, runCampaign } from './run-campaign.js';
import type { Seat } from './seats.js';

/** A machine that never starts, and says so. */
function failing(fact: HostFact): MachineOpener {
  return async (_plan, { log }) => {
    log.fact(fact);
    throw new HostLost('box', 'it is made');
  };
}

const LOST = failing({ fact: 'host-lost', host: 'box', why: 'made' });
const BROKEN = failing({ fact: 'harness-fault', message: 'made' });

const plansOf = (count: number, host?: string): RunPlan[] =>
  Array.from({ length: count }, (_, index) => ({
    ...madePlan(),
    ...(host === undefined ? {} : { host }),
    runId: `run-${index + 1}`,
    nonce: `nonce-${index + 1}`,
  }));

async function carriedOut(t: Test, count: number, seats: readonly Seat[]) {
  const out: (string | undefined)[] = [];
  const options: CampaignOptions = {
    jobs: 1,
    seats,
    cacheDir: undefined,
    onHostOut: ({ name }) => out.push(name),
  };
  const outcome = await runCampaign(t.testdir({}), plansOf(count), options).catch((error: unknown) => error);
  return { outcome, out };
}

const box = (open: MachineOpener, isThere: boolean): Seat => ({
  name: 'box',
  jobs: 1,
  open,
  planOf: (plan) => planOnHost(plan, plansOf(20, 'box')),
  isThere: async () => isThere,
  patienceMs: 1,
});
const here: Seat = { name: undefined, jobs: 1, open: BROKEN };

t.test('a lost host gets no more runs, the others do them', async (t) => {
  const { outcome, out } = await carriedOut(t, 5, [box(LOST, false), here]);
  t.strictSame(out, ['box']);
  const results = Array.isArray(outcome) ? outcome : [];
  t.equal(results.length, 5);
  t.match(
    results.filter(({ host }) => host === 'box'),
    [{ detail: 'host-lost', verdict: 'harness-error' }],
  );
  t.equal(new Set(results.map(({ runId }) => runId)).size, 5, 'none was run twice');
});

t.test(
  'twenty runs on two hosts, one of which is lost midway: nothing is lost, nothing runs twice',
  async (t) => {
    let begun = 0;
    const lostLater: MachineOpener = (plan, place) => ((begun += 1) <= 4 ? BROKEN : LOST)(plan, place);
    const seats = [
      { ...box(lostLater, false), jobs: 2 },
      { ...here, jobs: 2 },
    ];
    const { outcome, out } = await carriedOut(t, 20, seats);
    t.strictSame(out, ['box']);
    const results = Array.isArray(outcome) ? outcome : [];
    t.equal(results.length, 20);
    t.equal(new Set(results.map(({ runId }) => runId)).size, 20);
    const lost = results.filter(({ detail }) => detail === 'host-lost');
    t.ok(lost.length === 1 || lost.length === 2, `${lost.length} runs were under way there`);
    const left = remainingPlans(
      plansOf(20),
      results.map((result) => ({ runId: result.runId, result })),
      () => 'fresh',
    );
    t.strictSame(
      left.map(({ runId }) => runId).sort(),
      lost.map(({ runId }) => `${runId}.2`).sort(),
      'and exactly these are left',
    );
  },
);

t.test('one that is back gets the next run', async (t) => {
  const { outcome, out } = await carriedOut(t, 3, [box(LOST, true)]);
  t.strictSame(out, []);
  t.match(outcome, [{ detail: 'host-lost' }, { detail: 'host-lost' }, { detail: 'host-lost' }]);
});

t.test('without any host the campaign ends, and says what is left', async (t) => {
  const { outcome } = await carriedOut(t, 3, [box(LOST, false)]);
  t.ok(outcome instanceof NoHostLeft);
  t.match(outcome, { kind: 'harness', message: /2 of its runs were not begun; --resume runs them/ });
});

t.test('what was lost is run again, under a new name on each host', async (t) => {
  const plans = plansOf(2);
  const lost = { detail: 'host-lost' } as const;
  const [again, second] = remainingPlans(
    plans,
    // Only the detail counts.
    [{ runId: 'run-1', result: { ...(await someResult(t)), ...lost } }],
    () => 'fresh',
  );
  t.match(again, { runId: 'run-1.2', nonce: 'fresh' });
  t.match(second, { runId: 'run-2' });
  const there = plansOf(2, 'box');
  t.match(again && planOnHost(again, there), { runId: 'run-1.2', nonce: 'fresh', host: 'box' });
  t.match(second && planOnHost(second, there), { runId: 'run-2', nonce: 'nonce-2', host: 'box' });
  t.throws(() => planOnHost({ ...madePlan(), runId: 'run-3' }, there), /not planned for this host/);
});

async function someResult(t: Test) {
  const [result] = await runCampaign(t.testdir({}), plansOf(1), {
    jobs: 1,
    seats: [here],
    cacheDir: undefined,
  });
  if (result === undefined) throw new Error('no result');
  return result;
}

t.test('a campaign that may begin no more runs ends those under way, and begins none', async (t) => {
  let mayBegin = true;
  const results = await runCampaign(t.testdir({}), plansOf(6), {
    jobs: 2,
    open: BROKEN,
    cacheDir: undefined,
    mayBegin: () => mayBegin,
    // The second run is under way by then: both places ask before anything is awaited.
    onResult: () => {
      mayBegin = false;
    },
  });
  t.strictSame(results.map(({ runId }) => runId).sort(), ['run-1', 'run-2']);
});
