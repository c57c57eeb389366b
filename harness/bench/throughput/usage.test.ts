import t from 'tap';
import { parseMemory, parsePeak, parseTimes } from './usage.js';

void t.test('CPU times of a process and of its children, whatever its name is', (t) => {
  const rest =
    'S 14144 14144 8738 0 -1 4194304 2184 0 0 0 12 3 400 50 20 0 7 0 8383338 745713664 10100 18446744073709551615';
  for (const name of ['node', 'a b', ') S 1 2 (x', '(((']) {
    t.strictSame(parseTimes(`14151 (${name}) ${rest}\n`), { ownMs: 150, childrenMs: 4500 }, name);
  }
  for (const wrong of ['', '14151 (node)', '14151 (node) S 1 2 3', `1 (x) ${rest.replace('12 3', 'x 3')}`])
    t.equal(parseTimes(wrong), undefined, wrong);
  t.end();
});

const ROLLUP = `556ff7310000-7ffdf88f7000 ---p 00000000 00:00 0                          [rollup]
Rss:               99740 kB
Pss:               78285 kB
Pss_Dirty:           112 kB
Pss_Anon:            112 kB
Private_Clean:        36 kB
Private_Dirty:     40112 kB
Anonymous:         40100 kB
`;

void t.test('memory of a process', (t) => {
  t.strictSame(parseMemory(ROLLUP), { rssKiB: 99740, pssKiB: 78285, anonymousKiB: 40100 });
  t.equal(parseMemory(ROLLUP.replace('Anonymous', 'AnonHugePages')), undefined, 'another key');
  t.equal(parseMemory(''), undefined);
  t.equal(parsePeak('VmPeak:\t  99 kB\nVmHWM:\t  171234 kB\nVmRSS:\t  1 kB\n'), 171234);
  t.equal(parsePeak('VmPeak:\t  99 kB\n'), undefined);
  t.end();
});
