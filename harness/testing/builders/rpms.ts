/** Packages of rpm, made without rpmbuild, so that a test can make those that rpmbuild would refuse. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { packNewc } from '../../image/newc.js';
import { makeBzImage, makeModule, MADE_CONFIG } from './kernels.js';

export interface MadeRpm {
  readonly name: string;
  readonly version?: string;
  readonly release?: string;
  readonly arch?: string;
  /** A source package. */
  readonly source?: boolean;
  /** By path; default a kernel of `version-release.arch` with a config and one module. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** The bytes after the headers, in place of `files`. */
  readonly payload?: Buffer;
}

/** The bytes of a package. */
export function rpmBytes(rpm: MadeRpm): Buffer {
  const { name, version = '6.1.0', release = '1', arch = 'x86_64', source = false } = rpm;
  const lead = Buffer.alloc(96);
  lead.writeUInt32BE(0xedabeedb, 0);
  lead.writeUInt8(3, 4);
  lead.writeUInt16BE(source ? 1 : 0, 6);
  lead.writeUInt16BE(1, 8);
  lead.write(`${name}-${version}-${release}`, 10, 'latin1');
  lead.writeUInt16BE(1, 76);
  lead.writeUInt16BE(5, 78);
  const main = header([
    [1000, name],
    [1001, version],
    [1002, release],
    [1022, arch],
  ]);
  const kernel = `${version}-${release}.${arch}`;
  const files = rpm.files ?? {
    [`lib/modules/${kernel}/vmlinuz`]: makeBzImage({ release: kernel }),
    [`lib/modules/${kernel}/config`]: MADE_CONFIG,
    [`lib/modules/${kernel}/kernel/one.ko`]: makeModule([]),
  };
  return Buffer.concat([lead, signature(), main, rpm.payload ?? payload(files)]);
}

/** Writes a package into `dir` under the name that rpmbuild would give it, and returns its path. */
export async function makeRpm(dir: string, rpm: MadeRpm): Promise<string> {
  const { name, version = '6.1.0', release = '1', arch = 'x86_64' } = rpm;
  const path = join(dir, `${name}-${version}-${release}.${arch}.rpm`);
  await writeFile(path, rpmBytes(rpm));
  return path;
}

/** A signature header with one tag, whose end is not at a multiple of 8. */
function signature(): Buffer {
  const bytes = header([[1000, 'abc']]);
  return Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8)]);
}

function header(texts: readonly (readonly [tag: number, text: string])[]): Buffer {
  const intro = Buffer.alloc(16);
  const entries: Buffer[] = [];
  const store: Buffer[] = [];
  let offset = 0;
  for (const [tag, text] of texts) {
    const entry = Buffer.alloc(16);
    for (const [index, value] of [tag, 6, offset, 1].entries()) entry.writeUInt32BE(value, 4 * index);
    entries.push(entry);
    const bytes = Buffer.from(`${text}\0`, 'latin1');
    store.push(bytes);
    offset += bytes.length;
  }
  intro.writeUInt32BE(0x8eade801, 0);
  intro.writeUInt32BE(entries.length, 8);
  intro.writeUInt32BE(offset, 12);
  return Buffer.concat([intro, ...entries, ...store]);
}

function payload(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const entries = Object.entries(files).map(([path, content]) => ({
    entry: { kind: 'file', path: `./${path}`, mode: 0o644 } as const,
    bytes: Buffer.from(content),
  }));
  return gzipSync(packNewc(entries));
}
