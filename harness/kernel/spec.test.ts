import t from 'tap';
import { formatBuildSpec, formatDebianSpec, formatGitSpec, parseSpec, specBeside } from './spec.js';

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

void t.test('a suite alone is its newest kernel', async (t) => {
  const cases: [string, object][] = [
    ['debian:sid', { suite: 'sid', flavour: '' }],
    ['debian:trixie-backports', { suite: 'trixie-backports', flavour: '' }],
    ['debian:sid-rt', { suite: 'sid', flavour: 'rt' }],
    ['debian:trixie-backports-cloud', { suite: 'trixie-backports', flavour: 'cloud' }],
    ['debian:bookworm-686-pae', { suite: 'bookworm', flavour: '686-pae' }],
  ];
  for (const [spec, parts] of cases) {
    t.strictSame(parseSpec(spec), { kind: 'debian', ...parts }, spec);
  }
  t.throws(() => parseSpec('debian:jessi'), {
    message: /"jessi" is neither a kernel version nor a Debian suite; /,
  });
  t.throws(() => parseSpec('debian:sid/'), { message: /"" is not a kernel version; / });
});

void t.test('specs of installed kernels, of several packages and of git are parsed', async (t) => {
  t.strictSame(parseSpec('installed:6.1.0-56-amd64'), { kind: 'installed', release: '6.1.0-56-amd64' });
  t.strictSame(parseSpec('./linux-binary-7.2.13+deb14-amd64_7.2.13-1_amd64.deb'), {
    kind: 'path',
    path: './linux-binary-7.2.13+deb14-amd64_7.2.13-1_amd64.deb',
  });
  t.strictSame(parseSpec('a+1.deb+/x/b+2.deb+c.rpm'), {
    kind: 'packages',
    paths: ['a+1.deb', '/x/b+2.deb', 'c.rpm'],
  });
  const none = { patches: [], fragments: [] };
  const cases: [string, object][] = [
    ['git:./linux@v6.12', { tree: './linux', ref: 'v6.12', ...none }],
    ['git:/src/linux@HEAD@{1}', { tree: '/src/linux', ref: 'HEAD@{1}', ...none }],
    ['git:linux@@', { tree: 'linux', ref: '@', ...none }],
    [
      'git:linux@HEAD~3+no-zap+./a.config+/x@y/fix.patch',
      { tree: 'linux', ref: 'HEAD~3', patches: ['no-zap', '/x@y/fix.patch'], fragments: ['./a.config'] },
    ],
  ];
  for (const [spec, parts] of cases) t.strictSame(parseSpec(spec), { kind: 'git', ...parts }, spec);
  t.equal(
    formatGitSpec({ tree: '/src/linux', ref: 'abc', patches: ['no-zap'] }),
    'git:/src/linux@abc+no-zap',
  );
  t.equal(formatGitSpec({ tree: '/me@x/linux', ref: 'abc', patches: [] }), undefined, 'no spec names it');
});

void t.test('paths in a file begin at the file, those of packages and of git as well', async (t) => {
  const cases: [string, string][] = [
    ['./bzImage', '/f/bzImage'],
    ['../a.deb+./b.deb+c.deb', '/a.deb+/f/b.deb+c.deb'],
    ['git:./linux@v6.1', 'git:/f/linux@v6.1'],
    ['git:../linux@v6.1+no-zap+./fix.patch+./a.config', 'git:/linux@v6.1+no-zap+/f/fix.patch+/f/a.config'],
    ['git:/src/linux@v6.1+/x/fix.patch', 'git:/src/linux@v6.1+/x/fix.patch'],
    ['git:linux', 'git:linux'],
  ];
  for (const [spec, meant] of cases) t.equal(specBeside(spec, '/f'), meant);
  for (const spec of [
    'debian:6.1',
    'build:6.1/./fix.patch',
    'no-zap',
    '/boot/vmlinuz',
    'dir/x',
    'installed:6.1',
  ]) {
    t.equal(specBeside(spec, '/f'), spec);
  }
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
  const others = [
    'installed:',
    'installed:a/b',
    'git:',
    'git:x',
    'git:@v6.1',
    'git:x@',
    'git:x@+y',
    'git:x@y+',
    'a.deb+',
  ];
  for (const spec of [...bad, ...builds, ...others, 'debian:sid/../6.1', 'debian:6.1;rm', 'debian:-o/6.1']) {
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
