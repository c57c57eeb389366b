import t from 'tap';
import { armedReport } from '../testing/builders/runs.js';
import { contains, parseArmed } from './armed.js';

void t.test('a report of a loaded crash kernel', async (t) => {
  t.strictSame(parseArmed(armedReport()), {
    status: 0,
    loaded: true,
    crashSize: 0xc000000n,
    range: { first: 0x1b000000n, last: 0x26ffffffn },
    segments: [
      { first: 0x24000000n, last: 0x24ffffffn },
      { first: 0x26f50000n, last: 0x26f57fffn },
    ],
    purgatory: { first: 0x26f50000n, last: 0x26f57fffn },
    errors: [],
  });
});

void t.test('nothing reserved, nothing loaded', async (t) => {
  const armed = parseArmed(
    'status=255\nloaded=0\nsize=0\nerror=Memory for crashkernel is not reserved\nerror=try=2\n',
  );
  t.equal(armed.status, 255);
  t.equal(armed.loaded, false);
  t.equal(armed.crashSize, 0n);
  t.equal(armed.range, undefined);
  t.strictSame(armed.segments, []);
  t.equal(armed.purgatory, undefined);
  t.strictSame(armed.errors, ['Memory for crashkernel is not reserved', 'try=2']);
});

void t.test('what is not as expected counts as not there', async (t) => {
  const armed = parseArmed(
    [
      'loaded=11',
      'status=0x0',
      'size=12 MiB',
      'range=zz-11 : Crash kernel',
      'segment[0].memsz = 0x1000',
      'segment[1].mem = 0x24000000',
      'segment[1].memsz = 0x0',
      'kexec_load: entry = nowhere flags',
    ].join('\n'),
  );
  t.strictSame(armed, {
    status: -1,
    loaded: false,
    crashSize: 0n,
    range: undefined,
    segments: [],
    purgatory: undefined,
    errors: [],
  });
  t.strictSame(parseArmed('').loaded, false);
  t.equal(parseArmed('range=1000-1fff : System RAM').range, undefined, 'another row of /proc/iomem');
});

void t.test('an entry outside every segment is no purgatory', async (t) => {
  t.equal(parseArmed(armedReport().replace('0x26f54760', '0x26f58000')).purgatory, undefined);
});

void t.test('both ends of a range belong to it', async (t) => {
  const range = { first: 10n, last: 20n };
  t.strictSame(
    [9n, 10n, 20n, 21n].map((address) => contains(range, address)),
    [false, true, true, false],
  );
});
