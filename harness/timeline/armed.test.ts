import t from 'tap';
import { armedReport } from '../testing/builders/runs.js';
import { bytesOf, contains, isReserved, parseArmed } from './armed.js';

void t.test('a report of a loaded crash kernel', async (t) => {
  t.strictSame(parseArmed(armedReport()), {
    status: 0,
    loaded: true,
    crashSize: 0xc000000n,
    ranges: [{ first: 0x1b000000n, last: 0x26ffffffn }],
    segments: [
      { first: 0x24000000n, last: 0x24ffffffn },
      { first: 0x26f50000n, last: 0x26f57fffn },
    ],
    purgatory: { first: 0x26f50000n, last: 0x26f57fffn },
    errors: [],
  });
});

void t.test('the memory of the first kernel', async (t) => {
  t.strictSame(parseArmed(`${armedReport()}ram=1000-9fbff,\n`).ram, [{ first: 0x1000n, last: 0x9fbffn }]);
  t.equal(parseArmed(armedReport()).ram, undefined, 'an older image');
});

void t.test('nothing reserved, nothing loaded', async (t) => {
  const armed = parseArmed(
    'status=255\nloaded=0\nsize=0\nerror=Memory for crashkernel is not reserved\nerror=try=2\n',
  );
  t.equal(armed.status, 255);
  t.equal(armed.loaded, false);
  t.equal(armed.crashSize, 0n);
  t.strictSame(armed.ranges, []);
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
    ranges: [],
    segments: [],
    purgatory: undefined,
    errors: [],
  });
  t.strictSame(parseArmed('').loaded, false);
  t.strictSame(parseArmed('range=1000-1fff : System RAM').ranges, [], 'another row of /proc/iomem');
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

void t.test('two reservations, above and below 4 GiB', async (t) => {
  const armed = parseArmed(
    'loaded=1\nrange=7b000000-7f7fffff : Crash kernel\nrange=177000000-17effffff : Crash kernel\nrange=1-2 : Video RAM\n',
  );
  t.strictSame(armed.ranges, [
    { first: 0x7b000000n, last: 0x7f7fffffn },
    { first: 0x177000000n, last: 0x17effffffn },
  ]);
  t.equal(bytesOf(armed.ranges), (72n + 128n) << 20n);
  t.strictSame(
    [0x7affffffn, 0x7b000000n, 0x80000000n, 0x177000000n, 0x17f000000n].map((at) => isReserved(armed, at)),
    [false, true, false, true, false],
  );
});

void t.test("kexec's error without the segments of the refused load", async (t) => {
  const { errors, kernelLog, loads } = parseArmed(
    [
      'error=Loaded purgatory at addr 0x2ef54000',
      'error=kexec_load failed: Operation not permitted',
      'error=entry       = 0x2ef54760 flags = 0x3e0001',
      'error=nr_segments = 7',
      'error=segment[0].mem   = 0x23000000',
      'error=segments: none',
      'log=[    7.8] Lockdown: kexec: x',
      'kernel=100',
      'initrd=20',
    ].join('\n'),
  );
  t.strictSame(errors, ['kexec_load failed: Operation not permitted', 'segments: none']);
  t.strictSame(kernelLog, ['[    7.8] Lockdown: kexec: x']);
  t.strictSame(loads, { kernel: 100, initrd: 20 });
});
