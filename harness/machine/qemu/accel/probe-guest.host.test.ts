import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { EXIT_SUM_RIGHT, EXIT_SUM_WRONG, probeGuestElf } from './probe-guest.js';
import { probeArguments } from './run-probe-guest.js';

/** Boots an image under TCG; resolves to QEMU's exit status and the bytes on the debug console. */
async function boot(folder: string, image: Buffer): Promise<{ status: number | undefined; console: string }> {
  const kernel = path.join(folder, 'probe.elf');
  await writeFile(kernel, image);
  const result = await execa('qemu-system-x86_64', probeArguments('tcg', kernel, 'crashpath-test'), {
    reject: false,
    stdin: 'ignore',
    timeout: 30_000,
    killSignal: 'SIGKILL',
  });
  return { status: result.exitCode, console: result.stdout };
}

/** Offset of the count in `mov rcx, count` (48 b9 imm64), found by its value. */
function offsetOfCount(image: Buffer, turns: number): number {
  const needle = Buffer.from([0x48, 0xb9, 0, 0, 0, 0, 0, 0, 0, 0]);
  needle.writeBigUInt64LE(BigInt(turns), 2);
  const at = image.indexOf(needle);
  if (at < 0) throw new Error('the image holds no such count');
  return at + 2;
}

for (const turns of [1, 1000, 12_345_678]) {
  void t.test(`a guest of ${turns} turns says that it starts and ends with a right sum`, async (t) => {
    t.same(await boot(t.testdir(), probeGuestElf({ turns })), { status: EXIT_SUM_RIGHT, console: 'S' });
  });
}

void t.test('a guest that counts one turn less than its sum is for ends with the other status', async (t) => {
  const image = probeGuestElf({ turns: 1000 });
  image.writeBigUInt64LE(999n, offsetOfCount(image, 1000));
  t.same(await boot(t.testdir(), image), { status: EXIT_SUM_WRONG, console: 'S' });
});

void t.test('a guest whose page tables are gone does not get as far as its mark', async (t) => {
  const image = probeGuestElf({ turns: 1000 });
  image.fill(0, 0x1000);
  t.same(await boot(t.testdir(), image), { status: 0, console: '' });
});
