import t from 'tap';
import { rpmBytes } from '../../testing/builders/rpms.js';
import { readRpmHeader } from './rpm-header.js';

const KERNEL = { name: 'kernel-core', version: '6.11.4', release: '301.fc41' };

void t.test('a package says its name, version and architecture', async (t) => {
  t.strictSame(readRpmHeader(rpmBytes(KERNEL)), {
    name: 'kernel-core',
    version: '6.11.4-301.fc41',
    arch: 'x86_64',
  });
  t.match(readRpmHeader(rpmBytes({ ...KERNEL, arch: 'aarch64' })), { arch: 'aarch64' });
});

void t.test('what is no binary package, or cut off anywhere in its headers', async (t) => {
  t.throws(() => readRpmHeader(Buffer.from('!<arch>\n')), { message: 'it is not an .rpm' });
  t.throws(() => readRpmHeader(rpmBytes({ ...KERNEL, source: true })), { message: 'it is a source package' });
  const whole = rpmBytes({ ...KERNEL, payload: Buffer.alloc(0) });
  t.equal(readRpmHeader(whole).arch, 'x86_64', 'the payload does not matter');
  for (let length = 96; length < whole.length; length += 1) {
    t.throws(() => readRpmHeader(whole.subarray(0, length)), { message: /^it is cut off in its headers$/ });
  }
});

void t.test('numbers that lead out of the file', async (t) => {
  const at = (offset: number, value: number) => {
    const bytes = rpmBytes(KERNEL);
    bytes.writeUInt32BE(value, offset);
    return () => readRpmHeader(bytes);
  };
  t.throws(at(96, 0), { message: 'its headers are damaged' });
  t.throws(at(96 + 8, 0xffffffff), { message: 'its headers are damaged' }, 'number of tags');
  t.throws(at(96 + 12, 0xffffffff), { message: 'it is cut off in its headers' }, 'size of the texts');
  const main = rpmBytes(KERNEL).lastIndexOf(Buffer.from('8eade801', 'hex'));
  t.throws(at(main + 16 + 8, 0xffffffff), { message: 'its headers are damaged' }, 'place of a text');
  t.throws(() => readRpmHeader(rpmBytes({ ...KERNEL, name: 'evil\n\u001b[31m' })), {
    message: 'its headers are damaged',
  });
});
