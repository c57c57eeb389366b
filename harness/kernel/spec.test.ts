import t from 'tap';
import { formatBuildSpec, formatDebianSpec, parseSpec } from './spec.js';

void t.test('Debian specs are parsed', async (t) => {
  const cases: [string, object][] = [
    ['debian:6.1', { version: '6.1', flavour: '', suite: undefined }],
    ['debian:6.1.0-56', { version: '6.1.0-56', flavour: '' }],
    ['debian:6.12.117+deb12', { version: '6.12.117+deb12', flavour: '' }],
    ['debian:6.1-cloud', { version: '6.1', flavour: 'cloud' }],
    ['debian:6.1.0-56-rt', { version: '6.1.0-56', flavour: 'rt' }],
    ['debian:bullseye/5.10', { suite: 'bullseye', version: '5.10' }],
    ['debian:sid/7.0.9+deb14-cloud', { suite: 'sid', version: '7.0.9+deb14', flavour: 'cloud' }],
    ['debian:6.1-686-pae', { version: '6.1', flavour: '686-pae' }],
    ['debian:bookworm/6.1.0-50-686', { suite: 'bookworm', version: '6.1.0-50', flavour: '686' }],
    ['debian:6.1.0-56-cloud-amd64', { version: '6.1.0-56', flavour: 'cloud' }],
  ];
  for (const [spec, parts] of cases) t.match(parseSpec(spec), { kind: 'debian', ...parts }, spec);
});

void t.test('specs of builds are parsed', async (t) => {
  const cases: [string, object][] = [
    ['build:6.1/no-zap', { suite: undefined, version: '6.1', variant: 'no-zap' }],
    ['build:6.1.192-2/stock', { version: '6.1.192-2', variant: 'stock' }],
    ['build:trixie/6.12/zickus', { suite: 'trixie', version: '6.12', variant: 'zickus' }],
    ['build:6.1/../fix.patch', { version: '6.1', variant: '../fix.patch' }],
    ['build:6.1//home/me/fix.patch', { version: '6.1', variant: '/home/me/fix.patch' }],
  ];
  for (const [spec, parts] of cases) t.match(parseSpec(spec), { kind: 'build', ...parts }, spec);
  const parts = { suite: 'trixie', version: '6.12.1-1', variant: 'no-zap' };
  t.strictSame(parseSpec(formatBuildSpec(parts)), { kind: 'build', ...parts });
  t.equal(formatBuildSpec({ version: '6.1', variant: 'stock' }), 'build:6.1/stock');
});

void t.test('everything else is a path', async (t) => {
  t.strictSame(parseSpec('./debian:6.1'), { kind: 'path', path: './debian:6.1' });
  t.strictSame(parseSpec('/boot/vmlinuz-6.1'), { kind: 'path', path: '/boot/vmlinuz-6.1' });
});

void t.test('what cannot be a kernel is refused with the forms', async (t) => {
  const bad = [
    '',
    ' ',
    'debian:',
    'debian:foo',
    'debian:6',
    'debian:../6.1',
    'debian:SID/6.1',
    'debian:6.1 x',
  ];
  const builds = [
    'build:',
    'build:6.1',
    'build:6.1/',
    'build:no-zap',
    'build:SID/6.1/stock',
    'build:../6.1/stock',
  ];
  for (const spec of [...bad, ...builds, 'debian:sid/../6.1', 'debian:6.1;rm', 'debian:-o/6.1']) {
    t.throws(
      () => parseSpec(spec),
      { kind: 'usage', message: /^cannot read kernel spec ".*": .*; write / },
      spec,
    );
  }
});

void t.test('the short form leads back to the same kernel', async (t) => {
  t.match(parseSpec(formatDebianSpec('sid', '6.12.30-cloud')), {
    suite: 'sid',
    version: '6.12.30',
    flavour: 'cloud',
  });
  t.equal(formatDebianSpec(undefined, '6.1.0-56'), 'debian:6.1.0-56');
});
