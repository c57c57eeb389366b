import t from 'tap';
import {
  debianSources,
  formatSources,
  isMirrorUri,
  parseDeb822Sources,
  parseListSources,
  sourcesForSuite,
  sourcesFromMirror,
} from './sources.js';

const KEY = '/usr/share/keyrings/debian-archive-keyring.gpg';
const DEB822 = `Types: deb deb-src
# URIs: http://old.invalid/debian
URIs: http://mirror.invalid/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: ${KEY}

Types: deb
URIs: http://mirror.invalid/debian-security
Suites: bookworm-security
Components: main
Signed-By: ${KEY}

Types: deb
URIs: http://mirror.invalid/debian
Suites: trixie
Components: main
Enabled: no

Types: deb-src
URIs: http://mirror.invalid/debian
Suites: sid
Components: main
`;

void t.test('deb822 sources: suites one by one, disabled and source stanzas left out', async (t) => {
  t.strictSame(
    parseDeb822Sources(DEB822).map(({ uri, suite, signedBy }) => [uri, suite, signedBy]),
    [
      ['http://mirror.invalid/debian', 'bookworm', KEY],
      ['http://mirror.invalid/debian', 'bookworm-updates', KEY],
      ['http://mirror.invalid/debian-security', 'bookworm-security', KEY],
    ],
  );
});

void t.test('an embedded key survives reading and writing', async (t) => {
  const key = ' -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n /abc=\n -----END PGP PUBLIC KEY BLOCK-----';
  const text = `Types: deb\nURIs: file:/srv/debian\nSuites: sid\nComponents: main\nSigned-By:\n${key}\n`;
  const sources = debianSources(parseDeb822Sources(text));
  t.equal(sources.length, 1);
  t.strictSame(parseDeb822Sources(formatSources(sources)), sources);
});

void t.test('one-line sources', async (t) => {
  const text = `
# deb http://mirror.invalid/debian buster main
deb http://mirror.invalid/debian bookworm main contrib # ours
deb [arch=amd64 signed-by=/a/debian-key.gpg,/b/debian-key.gpg] http://mirror.invalid/debian-security bookworm-security main
deb-src http://mirror.invalid/debian bookworm main
deb http://tools.invalid/apt ./
`;
  t.match(parseListSources(text), [
    { uri: 'http://mirror.invalid/debian', suite: 'bookworm', signedBy: undefined },
    { suite: 'bookworm-security', signedBy: '/a/debian-key.gpg /b/debian-key.gpg' },
  ]);
  t.equal(parseListSources(text).length, 2);
});

void t.test('only the Debian archive is used, not what others publish for Debian', async (t) => {
  const kept = [
    'deb http://m.invalid/debian bookworm main',
    'deb http://m.invalid/pub/debian-archive/debian/ buster main',
    'deb http://m.invalid/archive/debian/20250520T000000Z bookworm main',
    'deb mirror+file:/etc/apt/mirrors/debian.list bookworm main',
    'deb http://security.invalid/ bookworm-security main',
    'deb http://m.invalid/debian bookworm-backports main',
  ];
  const refused = [
    'deb http://m.invalid/debian/12/prod bookworm main',
    'deb http://m.invalid/node_20.x nodistro main',
    'deb http://m.invalid/linux/debian bookworm stable',
    'deb http://m.invalid/apt cloud-sdk-bookworm main',
    'deb http://m.invalid/ubuntu noble main',
    'deb http://m.invalid/debian bookworm-pgdg main',
    'deb [signed-by=/usr/share/keyrings/vendor.gpg] http://m.invalid/debian bookworm main',
    'deb cdrom:[Debian]/debian bookworm main',
  ];
  for (const line of kept) t.equal(debianSources(parseListSources(line)).length, 1, line);
  for (const line of refused) t.equal(debianSources(parseListSources(line)).length, 0, line);
});

void t.test('another suite keeps the archives, with its own security archive as an option', async (t) => {
  const host = debianSources(parseDeb822Sources(DEB822));
  t.strictSame(
    sourcesForSuite(host, 'bullseye').map(({ uri, suite, optional }) => [uri, suite, optional]),
    [
      ['http://mirror.invalid/debian', 'bullseye', false],
      ['http://mirror.invalid/debian-security', 'bullseye-security', true],
    ],
  );
  t.strictSame(
    sourcesForSuite(host, 'sid').map(({ suite }) => suite),
    ['sid'],
  );
  t.strictSame(
    sourcesForSuite(host, 'trixie-backports').map(({ suite }) => suite),
    ['trixie-backports'],
  );
});

void t.test('a mirror replaces the archive, or makes one on a host that has none', async (t) => {
  const host = debianSources(parseDeb822Sources(DEB822));
  t.strictSame(
    sourcesFromMirror(host, 'file:/srv/m', 'k').map(({ uri, suite, optional }) => [uri, suite, optional]),
    [
      ['file:/srv/m', 'bookworm', false],
      ['file:/srv/m', 'bookworm-updates', false],
      ['http://mirror.invalid/debian-security', 'bookworm-security', true],
    ],
  );
  t.strictSame(sourcesFromMirror([], 'file:/srv/m', 'k'), [
    { uri: 'file:/srv/m', suite: 'stable', signedBy: 'k', optional: false },
  ]);
});

void t.test('mirror URIs', async (t) => {
  for (const good of [
    'http://m.invalid/debian',
    'https://m.invalid:8080/d',
    'file:/srv/debian',
    'file:///srv/d',
  ]) {
    t.ok(isMirrorUri(good), good);
  }
  for (const bad of [
    '',
    'm.invalid/debian',
    'ftp://m/d',
    'http://',
    'http://m/d\nSuites: x',
    '[trusted=yes] http://m',
  ]) {
    t.notOk(isMirrorUri(bad), bad);
  }
});
