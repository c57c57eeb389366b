/** Inputs of images: a file in place of a kernel, and modules. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from '../../model/kernel.js';
import type { ImageInputs } from '../../image/build-images.js';
import { sha256Of } from '../../cache/sha256.js';
import type { ImageModule } from '../../image/contents.js';

/** A file in place of a bzImage; the builder never reads its contents. */
export function testKernel(dir: string, text = 'not really a kernel'): Kernel {
  const bzImage = join(dir, `bzImage-${text.length}`);
  const bytes = Buffer.from(text.repeat(1000));
  writeFileSync(bzImage, bytes);
  return { spec: bzImage, release: '6.1.0-test', label: '6.1.0-test', sha256: sha256Of(bytes), bzImage };
}

/** The smallest relocatable x86-64 ELF header, followed by the name. */
export function testModule(name: string): ImageModule {
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(1, 16);
  header.writeUInt16LE(62, 18);
  return { name, bytes: Buffer.concat([header, Buffer.from(name)]) };
}

/** Inputs with two modules for the first kernel's image and one for the capture kernel's. */
export function testInputs(dir: string): ImageInputs {
  return {
    captureKernel: testKernel(dir),
    modules: [testModule('second_first'), testModule('a-dependent')],
    captureModules: [testModule('watch')],
  };
}
