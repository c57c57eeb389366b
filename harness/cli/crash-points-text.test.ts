import t from 'tap';
import { crashPointsText } from './crash-points-text.js';

const OFFER = { points: ['DIRECT', 'TIMERADD'], types: ['PANIC'] };

t.test('crash points for people and for programs', async (t) => {
  t.equal(crashPointsText('stock', OFFER, { json: false }), 'point  DIRECT\npoint  TIMERADD\ntype   PANIC\n');
  const json = crashPointsText('./a "b"', OFFER, { json: true });
  t.equal(json.split('\n').length, 2, 'one line');
  t.strictSame(JSON.parse(json), { spec: './a "b"', ...OFFER });
});
