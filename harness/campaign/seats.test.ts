import t from 'tap';
import { returns } from './seats.js';

const { signal } = new AbortController();
const SOON = { signal, againMs: 5 };

t.test('a host that comes back gets more runs, one that does not is left out', async (t) => {
  let asked = 0;
  t.equal(await returns({ isThere: async () => (asked += 1) === 3 }, SOON), true);
  t.equal(asked, 3);
  t.equal(await returns({ isThere: async () => false, patienceMs: 40 }, SOON), false);
  t.equal(await returns({}, SOON), true, 'this host is always there');
});

t.test('nothing is waited for when the campaign is stopped', async (t) => {
  const stop = new AbortController();
  const options = { signal: stop.signal, againMs: 60_000 };
  const waiting = returns({ isThere: async () => false, patienceMs: 600_000 }, options);
  stop.abort();
  t.equal(await waiting, false);
});
