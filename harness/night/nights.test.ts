import t from 'tap';
import type { NightCell, NightWord } from '../model/night-verdict.js';
import { lastGood, standingRegression, type FormerCell } from './former-nights.js';
import { nightsToRemove } from './keep.js';
import { nameNight } from './night-name.js';
import { nightExitCode } from './night-exit-code.js';
import type { JudgedCell } from './judge-night.js';

const TALLY = {
  trials: 5,
  captured: 5,
  hung: 0,
  other: 0,
  void: 0,
  harnessErrors: 0,
  rate: 0,
  interval: null,
};

function cell(word: NightWord, changes: Partial<NightCell> = {}): NightCell {
  const baseline = {
    kind: 'last-good' as const,
    kernel: { name: 'b', spec: 'b', release: 'b', sha256: 'b'.repeat(64) },
    tally: TALLY,
    pValue: 1,
    conclusion: 'made',
  };
  return {
    scenario: 's',
    kernel: 'builds',
    word,
    why: 'made',
    tally: TALLY,
    verdicts: {},
    pValue: 1,
    baselines: [baseline],
    reproduce: 'crashpath run s',
    runs: [],
    ...changes,
  };
}

function former(night: string, word: NightWord, sha = night): FormerCell {
  const kernel = { name: 'builds', spec: 'x', place: 'x', release: night, sha256: sha };
  return { night, cell: cell(word), kernel, baselineLost: false };
}

t.test('the last good cell: unchanged or fixed, of another kernel; or a first one', async (t) => {
  const over = [
    former('5', 'suspect'),
    former('4', 'cannot-tell'),
    former('3', 'regressed'),
    former('2', 'fixed'),
    former('1', 'unchanged'),
  ];
  t.equal(lastGood(over, 'x')?.night, '2');
  t.equal(lastGood(over, '2')?.night, '1', 'not the candidate itself');
  const first = { ...former('1', 'cannot-tell'), cell: cell('cannot-tell', { baselines: [] }) };
  t.equal(lastGood([first], 'x')?.night, '1');
  const unjudged = {
    ...first,
    cell: cell('cannot-tell', { baselines: [], tally: { ...TALLY, rate: null } }),
  };
  t.equal(lastGood([unjudged], 'x'), undefined, 'nothing was judged');
  const rated = (rate: number) => ({
    ...first,
    baselineLost: true,
    cell: cell('cannot-tell', { baselines: [], tally: { ...TALLY, rate } }),
  });
  t.equal(lastGood([rated(0.2)], 'x'), undefined, 'its baseline was gone, and it fails');
  t.equal(lastGood([rated(0)], 'x')?.night, '1', 'its baseline was gone, and nothing failed');
});

t.test('a regression stands until a night decides otherwise', async (t) => {
  t.match(
    standingRegression([
      former('4', 'suspect'),
      former('3', 'regressed'),
      former('2', 'regressed'),
      former('1', 'unchanged'),
    ]),
    {
      since: '2',
      last: { night: '3' },
    },
  );
  t.equal(standingRegression([former('3', 'fixed'), former('2', 'regressed')]), undefined);
  t.equal(standingRegression([]), undefined);
});

t.test('nights that are kept', async (t) => {
  const one = (night: string, changes = {}) => ({
    night,
    ended: true,
    failed: false,
    needed: false,
    ...changes,
  });
  const all = ['1', '2', '3', '4', '5'].map((night) => one(night));
  t.strictSame(nightsToRemove(all, { nights: 2 }), ['1', '2', '3']);
  t.strictSame(
    nightsToRemove(
      [
        one('0', { ended: false }),
        one('1', { needed: true }),
        one('2', { failed: true }),
        one('3', { failed: true }),
        ...all.slice(3),
      ],
      { nights: 1, failed: 3 },
    ),
    ['2', '4'],
  );
});

t.test('names of nights', async (t) => {
  const now = new Date('2026-11-27T01:30:00.500Z');
  t.strictSame(nameNight(now, []), { name: '2026-11-27T013000Z' });
  t.strictSame(nameNight(now, ['kernels', '2026-11-26T235959Z']), { name: '2026-11-27T013000Z' });
  t.match(nameNight(now, ['2026-11-27T013000Z']), {
    name: '2026-11-27T013001Z',
    warning: /not after the last night/,
  });
  t.match(nameNight(now, ['2027-12-31T235959Z']), { name: '2028-01-01T000000Z' });
});

t.test('exit codes: blind, then regressed, then what could not be tried, then what is open', async (t) => {
  const judged = (word: NightWord, changes: Partial<JudgedCell> = {}): JudgedCell => ({
    cell: cell(word),
    first: false,
    asExpected: true,
    ...changes,
  });
  const code = (cells: readonly JudgedCell[], more = {}) =>
    nightExitCode({ blind: false, cells, faults: 0, ...more });
  t.equal(code([judged('unchanged'), judged('fixed')]), 0);
  t.equal(code([judged('regressed'), judged('suspect')], { faults: 1 }), 1);
  t.equal(code([judged('suspect')], { faults: 1 }), 3);
  t.equal(code([judged('suspect')]), 2);
  t.equal(code([judged('cannot-tell')]), 2);
  t.equal(code([judged('cannot-tell', { first: true })]), 0, 'a first night, as expected');
  t.equal(code([judged('cannot-tell', { first: true, asExpected: false })]), 1);
  t.equal(code([judged('cannot-tell')], { blind: true }), 3);
});
