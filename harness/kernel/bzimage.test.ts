import t from 'tap';
import { isRelease, parseImage } from './bzimage.js';
import { makeBzImage } from '../testing/builders/kernels.js';

void t.test('a bzImage tells release, protocol and word width', async (t) => {
  t.strictSame(parseImage(makeBzImage({ release: '6.12.117+deb12-amd64' })), {
    kind: 'bzimage',
    release: '6.12.117+deb12-amd64',
    protocol: 0x020f,
    bits: 64,
    fiveLevels: false,
    leastBytes: 8 * 512,
  });
  t.match(parseImage(makeBzImage({ bits: 32 })), { bits: 32 });
  t.equal(Object(parseImage(makeBzImage({ protocol: 0x020b }))).bits, undefined, 'older headers do not say');
  t.equal(Object(parseImage(makeBzImage({ release: '' }))).release, undefined);
});

void t.test('five-level page tables: the kernel is built for them', async (t) => {
  const image = makeBzImage();
  image.writeUInt16LE(0x3f, 0x236);
  t.match(parseImage(image), { fiveLevels: false }, 'it could leave them, as Debian 5.10');
  image.writeUInt16LE(0x7f, 0x236);
  t.match(parseImage(image), { fiveLevels: true, bits: 64 });
  image.writeUInt16LE(0x020b, 0x206);
  t.equal(Object(parseImage(image)).fiveLevels, undefined, 'older headers do not say');
});

void t.test('the least size of the file: the setup sectors and syssize', async (t) => {
  const image = makeBzImage();
  image.writeUInt32LE(0x10001, 0x1f4);
  t.match(parseImage(image), { leastBytes: 8 * 512 + 0x100010 });
  const old = makeBzImage({ protocol: 0x0203 });
  old.writeUInt32LE(0x10001, 0x1f4);
  t.match(parseImage(old), { leastBytes: 8 * 512 }, 'the field had two bytes then');
  image.writeUInt8(0, 0x1f1);
  t.match(parseImage(image), { leastBytes: 5 * 512 + 0x100010 }, 'no setup_sects: four');
});

void t.test('a release that could lead out of a directory is not one', async (t) => {
  t.equal(Object(parseImage(makeBzImage({ release: '../../etc' }))).release, undefined);
  t.equal(Object(parseImage(makeBzImage({ release: '..' }))).release, undefined);
  t.notOk(isRelease('6.1/x'));
  t.notOk(isRelease(''));
  t.ok(isRelease('6.1.192-gabcdef_test~1'));
});

void t.test('a version pointer beyond the setup sectors is not followed', async (t) => {
  const image = makeBzImage();
  image.writeUInt16LE(0xff00, 0x20e);
  t.equal(Object(parseImage(image)).release, undefined);
});

void t.test('other files are identified, with a remedy', async (t) => {
  const cases: [Buffer, RegExp][] = [
    [Buffer.alloc(0), /empty file/],
    [Buffer.from('\x7fELF\x02\x01', 'latin1'), /ELF.*vmlinux/],
    [Buffer.from([0x1f, 0x8b, 8, 0]), /gzip/],
    [Buffer.from('\xfd7zXZ\0', 'latin1'), /xz/],
    [Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), /zstd/],
    [Buffer.from('!<arch>\ndebian-binary'), /ar archive/],
    [Buffer.from('#!/bin/sh\n'), /only 10 bytes/],
    [Buffer.alloc(4096), /no "HdrS"/],
    [makeBzImage({ loadedHigh: false }), /zImage/],
    [Buffer.concat([Buffer.alloc(0x38), Buffer.from('ARMd'), Buffer.alloc(900)]), /arm64/],
  ];
  for (const [bytes, what] of cases) {
    const image = parseImage(bytes);
    t.match(image, { kind: 'other', what, remedy: /./ });
  }
  const noBootFlag = makeBzImage();
  noBootFlag.writeUInt16LE(0, 0x1fe);
  t.equal(parseImage(noBootFlag).kind, 'other');
});
