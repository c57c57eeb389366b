import t from 'tap';
import type { Armed } from '../model/event.js';
import { armedReport } from '../testing/builders/runs.js';
import { parseArmed } from './armed.js';
import { findFlip } from './crash-image.js';

const armed: Armed = parseArmed(armedReport());

void t.test('a byte of the largest segment that is not purgatory', async (t) => {
  t.strictSame(findFlip(armed, 0x1000), { address: 0x24001000n, name: 'segment[0]+0x1000' });
  t.strictSame(
    findFlip(armed, 0xffffff),
    { address: 0x24ffffffn, name: 'segment[0]+0xffffff' },
    'its last byte',
  );
  const purgatory = { first: 0x20000000n, last: 0x2fffffffn };
  t.match(
    findFlip({ ...armed, purgatory, segments: [purgatory, ...armed.segments] }, 0),
    { name: 'segment[1]+0x0' },
    'purgatory itself is not digested, however large it is',
  );
});

void t.test('no such byte', async (t) => {
  t.match(findFlip(armed, 0x1000000), { why: /has 16777216 bytes/ });
  t.match(findFlip(undefined, 0), { why: /no crash image/ });
  t.match(findFlip({ ...armed, loaded: false }, 0), { why: /no crash image/ });
  t.match(findFlip({ ...armed, segments: [], purgatory: undefined }, 0), { why: /kexec_file_load/ });
  const [first] = armed.segments;
  t.match(findFlip({ ...armed, segments: first ? [first] : [], purgatory: first }, 0), {
    why: /beside purgatory/,
  });
});
