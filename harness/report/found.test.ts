import t from 'tap';
import { HANGS } from '../plan/until.js';
import { HOSTILE } from '../testing/recordings/reported-run.js';
import { type Found, foundObject, foundText } from './found.js';

const found = (changes: Partial<Found>): Found => ({
  ...{ scenario: 's', kernel: 'k', machine: undefined, found: 0, trials: 0, until: 1 },
  ...{ beyond: 0, undecided: 0, runs: [] },
  ...changes,
});
const textOf = (changes: Partial<Found>) => foundText([found(changes)], { verdicts: HANGS })[0];

t.test('a rate with its interval, and what ended the trials', async (t) => {
  t.equal(
    textOf({ found: 3, trials: 57, until: 3, runs: ['a', 'b', 'c'] }),
    's on k: 3 hangs in 57 trials, ended by the last of them: 5.3 %, 95 % interval 1.1 % to 12 %',
  );
  t.equal(
    textOf({ found: 1, trials: 100, until: 3 }),
    's on k: 1 hang in 100 trials: 1 %, 95 % interval 0.025 % to 5.4 %',
  );
});

t.test('nothing found: an upper bound', async (t) => {
  t.equal(textOf({ trials: 1000 }), 's on k: no hang in 1000 trials: the rate is below 0.3 % (95 %)');
  t.equal(
    textOf({ trials: 10, undecided: 1, beyond: 2, machine: 'q35' }),
    's on k, q35: no hang in 10 trials: the rate is below 26 % (95 %); 1 run not judged, 2 runs under way at the last one not counted',
  );
  t.equal(textOf({ undecided: 2 }), 's on k: no trial was judged; 2 runs not judged');
});

t.test('other verdicts by their words', async (t) => {
  const one = found({ found: 2, trials: 2, until: 2 });
  t.match(foundText([one], { verdicts: ['capture-panic'] }), [/2 capture-panics in 2 trials.* to 100 %$/]);
  t.match(foundText([found({ trials: 3 })], { verdicts: ['capture-panic', 'void'] }), [
    /no capture-panic or void in 3 trials/,
  ]);
});

t.test('the same as an object; hostile names stay text', async (t) => {
  t.match(foundObject([found({ trials: 1000 }), found({})], { verdicts: HANGS }), {
    ...{ schema: 1, kind: 'found', verdicts: ['crash-path-hang', 'purgatory-hang', 'capture-hang'] },
    cells: [{ machine: null, interval: [0, /^0\.00299/] }, { interval: null }],
  });
  t.notMatch(
    foundText([found({ scenario: HOSTILE, kernel: HOSTILE, machine: HOSTILE })], { verdicts: HANGS })[0],
    /[^\x20-\x7e]/,
  );
});
