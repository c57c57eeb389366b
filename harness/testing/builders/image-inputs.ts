import { accessSync, constants, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import which from 'which';
import type { Kernel } from '../../model/kernel.js';
import type { ImageInputs } from '../../image/build-images.js';
import { sha256Of } from '../../cache/sha256.js';
import type { ImageModule } from '../../image/contents.js';

/** For tests: a file that stands for a bzImage; the builder never looks inside one. */
export function testKernel(dir: string, text = 'not really a kernel'): Kernel {
  const bzImage = join(dir, `bzImage-${text.length}`);
  const bytes = Buffer.from(text.repeat(1000));
  writeFileSync(bzImage, bytes);
  return { spec: bzImage, release: '6.1.0-test', label: '6.1.0-test', sha256: sha256Of(bytes), bzImage };
}

/** For tests: the smallest relocatable x86-64 ELF header, followed by the name. */
export function testModule(name: string): ImageModule {
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(1, 16);
  header.writeUInt16LE(62, 18);
  return { name, bytes: Buffer.concat([header, Buffer.from(name)]) };
}

/** For tests: inputs with two modules for production and one for capture. */
export function testInputs(dir: string): ImageInputs {
  return {
    captureKernel: testKernel(dir),
    modules: [testModule('second_first'), testModule('a-dependent')],
    captureModules: [testModule('watch')],
  };
}

/** For tests: why images cannot be built on this host; false when they can. */
export function hostLacksPrograms(): string | false {
  const path = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const missing = ['busybox', 'kexec', 'ldd'].filter(
    (name) => which.sync(name, { path, nothrow: true }) === null,
  );
  return missing.length === 0 ? false : `not installed: ${missing.join(', ')}`;
}

/** For tests: true when a folder exists and can be written. */
export function canWrite(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
