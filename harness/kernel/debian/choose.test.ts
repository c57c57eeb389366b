import t from 'tap';
import { type Candidate, chooseKernel, kernelPackage, nearestVersions, versionOf } from './choose.js';
import { type DebianSpec, parseSpec } from '../spec.js';

const OFFERED: Candidate[] = [
  ['linux-image-6.1.0-9-amd64', '6.1.27-1'],
  ['linux-image-6.1.0-56-amd64', '6.1.192-2'],
  ['linux-image-6.1.0-55-amd64', '6.1.192-1'],
  ['linux-image-6.1.0-56-cloud-amd64', '6.1.192-2'],
  ['linux-image-6.1.0-56-rt-amd64', '6.1.192-2'],
  ['linux-image-6.1.0-50-686', '6.1.176-1'],
  ['linux-image-6.1.0-50-686-pae', '6.1.176-1'],
  ['linux-image-6.12.100+deb12-amd64', '6.12.100-1~deb12u1'],
  ['linux-image-6.12.117+deb12-amd64', '6.12.117-1~deb12u1'],
].map(([name = '', packageVersion = '']) => {
  const parts = kernelPackage(name);
  return { package: name, packageVersion, version: parts === undefined ? '' : versionOf(parts) };
});

function wanted(spec: string): DebianSpec {
  const parsed = parseSpec(spec);
  if (parsed.kind !== 'debian') throw new Error(`${spec} is a path`);
  return parsed;
}

void t.test('only signed kernels of PCs have a kernel name', async (t) => {
  t.strictSame(kernelPackage('linux-image-6.1.0-56-amd64'), { abi: '6.1.0-56', flavour: '' });
  t.strictSame(kernelPackage('linux-image-6.12.117+deb12-rt-amd64'), {
    abi: '6.12.117+deb12',
    flavour: 'rt',
  });
  t.strictSame(kernelPackage('linux-image-7.0-rc4-cloud-amd64'), { abi: '7.0-rc4', flavour: 'cloud' });
  for (const name of [
    'linux-image-amd64',
    'linux-image-6.12-amd64',
    'linux-image-6.12-cloud-amd64',
    'linux-image-6.1.0-56-amd64-dbg',
    'linux-image-6.1.0-56-amd64-unsigned',
    'linux-image-6.1.0-56-arm64',
    'linux-image-amd64-signed-template',
    'linux-headers-6.1.0-56-amd64',
    'linux-image-686-pae',
    'linux-image-6.1.0-50-rt-686-pae',
    'linux-image-6.1.0-50-686-pae-unsigned',
    'linux-image-6.1.0-50-686-dbg',
  ]) {
    t.equal(kernelPackage(name), undefined, name);
  }
});

void t.test('a series is its newest package version, of the wanted flavour', async (t) => {
  const cases: [string, string | undefined][] = [
    ['debian:6.1', '6.1.0-56'],
    ['debian:6.1-cloud', '6.1.0-56-cloud'],
    ['debian:6.1-686', '6.1.0-50-686'],
    ['debian:6.1-686-pae', '6.1.0-50-686-pae'],
    ['debian:6.12', '6.12.117+deb12'],
    ['debian:6.12.100', '6.12.100+deb12'],
    ['debian:6.1.0-55', '6.1.0-55'],
    ['debian:6.1.0-5', undefined],
    ['debian:6.12-cloud', undefined],
    ['debian:6.7', undefined],
    ['debian:bookworm', '6.12.117+deb12'],
    ['debian:bookworm-rt', '6.1.0-56-rt'],
    ['debian:bookworm-686', '6.1.0-50-686'],
  ];
  for (const [spec, version] of cases) t.equal(chooseKernel(OFFERED, wanted(spec))?.version, version, spec);
});

void t.test('the nearest names are of the same series, else one of each series', async (t) => {
  t.equal(nearestVersions(OFFERED, wanted('debian:6.1.0-57'))[0], '6.1.0-56');
  t.equal(nearestVersions(OFFERED, wanted('debian:6.1.0-57-rt'))[0], '6.1.0-56-rt');
  t.strictSame(nearestVersions(OFFERED, wanted('debian:5.10')), ['6.12.117+deb12', '6.1.0-56']);
  t.strictSame(nearestVersions([], wanted('debian:5.10')), []);
});
