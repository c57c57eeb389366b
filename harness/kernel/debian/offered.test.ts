/** Records of sid and trixie-backports of November 2026, as apt-cache show prints them, shortened. */
import t from 'tap';
import { kernelsIn, packagesIn, partNames } from './offered.js';

const sum = (digit: string) => digit.repeat(64);
const record = (name: string, version: string, more: string) =>
  `Package: ${name}\nVersion: ${version}\nArchitecture: amd64\nSize: 1892\n${more}\nDescription-en: made\n of\n`;

const IMAGES = [
  record(
    'linux-image-7.2.13+deb14-amd64',
    '7.2.13-1',
    `Depends: dracut | initramfs-tools (>= 0.120+deb8u2) | linux-initramfs-tool, linux-base-7.2.13+deb14-amd64 (= 7.2.13-1), linux-binary-7.2.13+deb14-amd64 (= 7.2.13-1), linux-modules-7.2.13+deb14-amd64 (= 7.2.13-1)\nSHA256: ${sum('a')}`,
  ),
  record(
    'linux-image-7.0.13+deb13-amd64',
    '7.0.13-1~bpo13+1',
    `Depends: dracut | linux-initramfs-tool, linux-binary-7.0.13+deb13-amd64 (= 7.0.13-1~bpo13+1), linux-modules-7.0.13+deb13-amd64 (= 7.0.13-1~bpo13+1)\nSHA256: ${sum('b')}`,
  ),
  record(
    'linux-image-6.1.0-56-amd64',
    '6.1.192-2',
    `Depends: kmod, linux-base (>= 4.3~), initramfs-tools (>= 0.120+deb8u2)\nSHA256: ${sum('c')}`,
  ),
  record(
    'linux-image-amd64',
    '7.2.13-1',
    `Depends: linux-image-7.2.13+deb14-amd64 (= 7.2.13-1)\nSHA256: ${sum('d')}`,
  ),
].join('\n');
const PARTS = [
  record('linux-base-7.2.13+deb14-amd64', '7.2.13-1', `SHA256: ${sum('1')}`),
  record('linux-binary-7.2.13+deb14-amd64', '7.2.13-1', `SHA256: ${sum('2')}`),
  record('linux-modules-7.2.13+deb14-amd64', '7.2.13-1', `SHA256: ${sum('3')}`),
  record('linux-modules-7.2.13+deb14-amd64', '7.2.13-2', `SHA256: ${sum('4')}`),
  record('linux-binary-7.0.13+deb13-amd64', '7.0.13-1~bpo13+1', `SHA256: ${sum('5')}`),
].join('\n');

void t.test('a split kernel is its parts, of exactly its version', async (t) => {
  const kernels = kernelsIn(IMAGES, PARTS);
  t.match(
    kernels.map(({ version, parts, missing }) => [
      version,
      parts.map(({ debSha256 }) => debSha256[0]).join(''),
      missing,
    ]),
    [
      ['7.2.13+deb14', '123', []],
      ['7.0.13+deb13', '5', ['linux-modules-7.0.13+deb13-amd64']],
      ['6.1.0-56', '', []],
    ],
    'a meta package is no kernel, a whole one has no parts',
  );
  t.strictSame(partNames(IMAGES), [
    'linux-base-7.2.13+deb14-amd64',
    'linux-binary-7.2.13+deb14-amd64',
    'linux-modules-7.2.13+deb14-amd64',
    'linux-binary-7.0.13+deb13-amd64',
    'linux-modules-7.0.13+deb13-amd64',
  ]);
});

void t.test('packages that are no kernels have their own version', async (t) => {
  t.match(packagesIn(PARTS).slice(2, 4), [
    { package: 'linux-modules-7.2.13+deb14-amd64', version: '7.2.13-1', parts: [] },
    { package: 'linux-modules-7.2.13+deb14-amd64', version: '7.2.13-2', sizeBytes: 1892 },
  ]);
});
