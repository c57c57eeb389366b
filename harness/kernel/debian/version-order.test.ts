import { execaSync } from 'execa';
import t from 'tap';
import { compareDebianVersions } from './version-order.js';

/** In rising order. */
const RISING = [
  '6.1~rc1-1',
  '6.1-1',
  '6.1.9-1',
  '6.1.10-1~deb12u1',
  '6.1.10-1',
  '6.1.10-1+b1',
  '6.1.192-2',
  '6.12.9-1',
  '6.12.117-1~bpo12+1',
  '6.12.117-1~deb12u1',
  '6.12.117-1',
  '1:1.0-1',
];

void t.test('versions sort by number, tilde first, epoch before all', async (t) => {
  const shuffled = [...RISING].sort((a, b) => (a < b ? 1 : -1));
  t.strictSame(shuffled.sort(compareDebianVersions), RISING);
});

void t.test('leading zeros and very long numbers', async (t) => {
  t.equal(compareDebianVersions('1.01', '1.1'), 0);
  t.ok(
    compareDebianVersions('90071992547409931', '90071992547409930') > 0,
    'beyond the precision of doubles',
  );
});

void t.test('the order is that of dpkg', async (t) => {
  const odd = [
    '1.0a',
    '1.0+',
    '1.0~',
    '1.0',
    '1.0a~',
    '1.0.a',
    '1.0-0',
    '1.0-0.1',
    '1.0~~',
    '1.0~~a',
    '0:1.0',
  ];
  for (const [i, a] of odd.entries()) {
    for (const b of odd.slice(i + 1)) {
      const order = compareDebianVersions(a, b);
      const relation = order < 0 ? 'lt' : order > 0 ? 'gt' : 'eq';
      const dpkg = execaSync('dpkg', ['--compare-versions', a, relation, b], { reject: false });
      t.equal(dpkg.exitCode, 0, `${a} ${relation} ${b}`);
    }
  }
});
