import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import t from 'tap';
import { makeBzImage } from '../../testing/builders/kernels.js';
import { type BzImageParts, partsOf, withPayload } from './move-tail.js';

/** Decompressors of real kernels, and what their entry code says (objdump -D -b binary -m i386:x86-64). */
const KERNELS = {
  'debian-5.10': { payloadBytes: 7_006_364, outputBytes: 61_638_052, end: 0x706000, lea: 0x6aed3d },
  'debian-6.1': { payloadBytes: 8_122_480, outputBytes: 65_906_612, end: 0x81d000, lea: 0x7c210d },
  'built-6.1': { payloadBytes: 3_431_942, outputBytes: 16_640_784, end: 0x387000, lea: 0x3491e3 },
} as const;

const SETUP_SECTS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;

/** The bzImage with a payload of zeros that ends in the length of its output. */
function imageOf(
  name: string,
  { payloadBytes, outputBytes }: { readonly payloadBytes: number; readonly outputBytes: number },
): Buffer {
  const file = join(import.meta.dirname, '../../../harness/kernel/repack/testdata', `${name}.bin.gz`);
  const bytes = gunzipSync(readFileSync(file));
  const at = (bytes.readUInt8(SETUP_SECTS) + 1) * 512 + bytes.readUInt32LE(PAYLOAD_OFFSET);
  return Buffer.concat([bytes.subarray(0, at), payloadOf(payloadBytes, outputBytes), bytes.subarray(at)]);
}

function payloadOf(bytes: number, outputBytes: number): Buffer {
  const payload = Buffer.alloc(bytes);
  payload.writeUInt32LE(outputBytes, bytes - 4);
  return payload;
}

function parts(image: Buffer): BzImageParts {
  const found = partsOf(image);
  if ('why' in found) throw new Error(found.why);
  return found;
}

function replaced(image: Buffer, payload: Buffer): Buffer {
  const made = withPayload(parts(image), payload);
  if ('why' in made) throw new Error(made.why);
  return made;
}

for (const [name, kernel] of Object.entries(KERNELS)) {
  const { payloadBytes, outputBytes, end, lea } = kernel;
  void t.test(`${name}: a longer payload moves what follows it, and its references`, async (t) => {
    const image = imageOf(name, kernel);
    const before = parts(image);
    const made = replaced(image, payloadOf(payloadBytes + 5_000_000, outputBytes));
    const after = parts(made);
    const delta = Math.ceil(5_000_000 / 4096) * 4096;
    t.equal(after.payload.length, payloadBytes + 5_000_000);
    t.equal(after.tail.length + after.payload.length, before.tail.length + payloadBytes + delta);

    // The file's offset of sub $_end, %ebx in startup_64.
    const sub = before.head.indexOf(Buffer.from([0x81, 0xeb]), 0x200);
    t.equal(before.head.readUInt32LE(sub + 2), end);
    t.equal(after.head.readUInt32LE(sub + 2), end + delta);
    // lea input_data(%rip): the decompressor's code moved by delta, the payload did not.
    const at = before.head.length + payloadBytes;
    const moved = made.subarray(after.setup.length);
    t.equal(lea + 4 + before.tail.readInt32LE(lea - at), before.head.length);
    t.equal(lea + delta + 4 + moved.readInt32LE(lea + delta), before.head.length);

    t.equal(made.readUInt16LE(0), 0, 'no firmware starts it');
    t.equal(made.readUInt32LE(0x264), 0);
    t.equal(made.readUInt32LE(0x1f4) * 16, made.length - after.setup.length);
    t.ok(made.readUInt32LE(0x260) >= image.readUInt32LE(0x260), 'init_size');
    t.equal(after.hasCrc, before.hasCrc);
  });

  void t.test(`${name}: the old payload again gives the old code`, async (t) => {
    const image = imageOf(name, kernel);
    const before = parts(image);
    const longer = replaced(image, payloadOf(payloadBytes + 2441 * 4096, outputBytes));
    const again = parts(replaced(longer, payloadOf(payloadBytes, outputBytes)));
    t.ok(again.head.equals(before.head));
    t.equal(again.payload.length, payloadBytes);
    // The CRC at the end covers the header, whose fields for EFI firmware are cleared.
    const end = before.tail.length - (before.hasCrc ? 4 : 0);
    t.ok(again.tail.subarray(0, end).equals(before.tail.subarray(0, end)));
  });
}

void t.test('words of the code that look like references stay', async (t) => {
  const image = imageOf('debian-6.1', KERNELS['debian-6.1']);
  // mov %eax, %cr3 ends at 0x105, mov $0xc0000080, %ecx follows: the bytes across are 0x80b9d8, an address in the tail.
  t.equal(parts(image).head.readUInt32LE(0x105), 0x80b9d8);
  t.equal(parts(replaced(image, payloadOf(9_000_000, 65_906_612))).head.readUInt32LE(0x105), 0x80b9d8);
});

void t.test('the buffer grows where the payload is longer than its output', async (t) => {
  const image = imageOf('built-6.1', KERNELS['built-6.1']);
  const made = replaced(image, payloadOf(30_000_000, 16_640_784));
  const delta = Math.ceil((30_000_000 - 3_431_942) / 4096) * 4096;
  const extra = Math.ceil(((16_640_784 >> 8) + 128 * 1024) / 4096) * 4096;
  t.equal(made.readUInt32LE(0x260), 0x387000 + delta + extra);
});

void t.test('what is no such kernel is refused with the reason', async (t) => {
  t.match(partsOf(Buffer.from('MZ')), { why: /no Linux boot header/ });
  t.match(partsOf(makeBzImage({ protocol: 0x020b })), { why: /older than 2.12/ });
  t.match(partsOf(makeBzImage({ bits: 32 })), { why: /32-bit/ });
  const image = imageOf('built-6.1', KERNELS['built-6.1']);
  t.match(partsOf(image.subarray(0, image.length - 1)), { why: /does not describe its parts/ });
  const far = Buffer.from(image);
  far.writeUInt32LE(0xfffffff0, 0x24c);
  t.match(partsOf(far), { why: /does not describe its parts/ });

  const sound = parts(image);
  const payload = payloadOf(5_000_000, 16_640_784);
  t.match(withPayload({ ...sound, head: Buffer.alloc(sound.head.length) }, payload), {
    why: /where the decompressor ends/,
  });
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(3_431_942, 0);
  lengths.writeUInt32LE(16_640_784, 4);
  const twice = Buffer.from(sound.tail);
  lengths.copy(twice, twice.length - 64);
  t.match(withPayload({ ...sound, tail: twice }, payload), { why: /length of the payload in one place/ });
  const none = { ...sound, outputBytes: 1 };
  t.match(withPayload(none, payload), { why: /length of the payload in one place/ });
});
