import t from 'tap';
import { makeModule } from '../testing/builders/kernels.js';
import { dependenciesOf, isModuleFile, moduleName } from './module-info.js';

void t.test('names are normalised', async (t) => {
  t.equal(moduleName('kernel/arch/crc32c-intel.ko.xz'), 'crc32c_intel');
  t.equal(moduleName('virtio-net'), 'virtio_net');
  t.equal(moduleName('a/e1000.ko'), 'e1000');
  t.ok(isModuleFile('a.ko.zst'));
  t.notOk(isModuleFile('a.ko.sig'));
});

void t.test('dependencies are read from .modinfo', async (t) => {
  t.strictSame(dependenciesOf(makeModule(['virtio', 'virtio-ring'])), ['virtio', 'virtio_ring']);
  t.strictSame(dependenciesOf(makeModule([])), []);
});

void t.test('and of a module of a 32-bit kernel', async (t) => {
  t.strictSame(dependenciesOf(makeModule(['mii', 'libphy'], 32)), ['mii', 'libphy']);
});

void t.test('damaged modules are refused, not misread', async (t) => {
  const good = makeModule(['a']);
  t.throws(() => dependenciesOf(Buffer.from('no')), /not an ELF/);
  t.throws(() => dependenciesOf(good.subarray(0, good.length - 10)), /section table/);
  const far = Buffer.from(good);
  far.writeBigUInt64LE(0xffff_ffff_ffff_fff0n, 0x28);
  t.throws(() => dependenciesOf(far), /section table/);
  const narrow = Buffer.from(good);
  narrow[4] = 1;
  t.throws(() => dependenciesOf(narrow), /section table/);
  narrow[4] = 3;
  t.throws(() => dependenciesOf(narrow), /not a little-endian ELF/);
  const unnamed = Buffer.from(good);
  unnamed.write('x', 64 + good.indexOf('\0.modinfo') - 64 + 2, 'latin1');
  t.throws(() => dependenciesOf(unnamed), /no .modinfo/);
});
