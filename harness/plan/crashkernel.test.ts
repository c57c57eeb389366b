import t from 'tap';
import { bytesAskedFor, crashkernelWords, mistakeInCrashkernel } from './crashkernel.js';

const MIB = 1n << 20n;

void t.test('the forms of crashkernel= are taken, and what the kernel would ignore is refused', async (t) => {
  for (const good of [
    '192M',
    '192M@64M',
    '0-512M:0,512M-2G:64M,2G-:128M',
    '512M-:64M@16M',
    '1G,high',
    '128M,high 72M,low',
    '192M 64M,cma',
  ]) {
    t.equal(mistakeInCrashkernel(good), undefined, good);
  }
  for (const [bad, why] of [
    ['lots', /not a size/],
    ['192', /not a size/],
    [
      'auto',
      /known to kernels of some distributions only .*; for one of them give --append crashkernel=auto/,
    ],
    ['autos', /not a size/],
    ['192M,highest', /"?it"? is not a size/],
    ['128M,high 72', /"72" is not a size/],
    ['72M,low', /needs one with ,high/],
    ['192M 72M,low', /ignores ,high and ,low/],
    ['192M 256M', /only the last/],
    ['64M,cma', /needs one without/],
    ['', /empty/],
  ] as const) {
    t.match(mistakeInCrashkernel(bad), why, bad);
  }
});

void t.test('each value becomes a word', async (t) => {
  t.strictSame(crashkernelWords('128M,high 72M,low'), ['crashkernel=128M,high', 'crashkernel=72M,low']);
  t.strictSame(crashkernelWords(''), []);
});

void t.test('the size that is asked for, where the user and not the kernel decides it', async (t) => {
  t.equal(bytesAskedFor(['192M']), 192n * MIB);
  t.equal(bytesAskedFor(['1G@64M']), 1024n * MIB);
  t.equal(bytesAskedFor(['128M,high', '72M,low']), 200n * MIB);
  t.equal(bytesAskedFor(['1G,high']), undefined, 'the kernel adds low memory');
  t.equal(bytesAskedFor(['512M-2G:64M']), undefined);
  t.equal(bytesAskedFor(['64M,cma']), undefined);
  t.equal(bytesAskedFor(['abc']), undefined);
  t.equal(bytesAskedFor([]), undefined);
});
