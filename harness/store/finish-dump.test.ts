import { existsSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readKdumpHeader } from '../dump/kdump-header.js';
import { dump, flattened } from '../testing/builders/kdumps.js';
import { scratch } from '../testing/files.js';
import { finishDump, VMCORE_FILE } from './finish-dump.js';

const INFO = Buffer.from('OSRELEASE=6.1.0\nNUMBER(phys_base)=16777216\n');

const MOST = 1024 * 1024;

async function finish(
  t: Test,
  part: Buffer,
  options: { crashed?: { info: Buffer }; mostBytes?: number } = {},
) {
  const directory = await scratch(t);
  await writeFile(join(directory, 'part'), part);
  const finished = await finishDump(directory, { part: 'part', mostBytes: MOST, ...options });
  t.notOk(existsSync(join(directory, 'part')), 'the flattened dump is removed');
  t.notOk(existsSync(join(directory, `${VMCORE_FILE}.new`)), 'nothing unfinished stays');
  return { finished, vmcore: join(directory, VMCORE_FILE) };
}

void t.test('a dump whose pieces come in another order, behind which a disk has more bytes', async (t) => {
  const whole = dump();
  const part = flattened([
    [16_000, whole.subarray(16_000)],
    [0, whole.subarray(0, 16_000)],
  ]);
  const { finished, vmcore } = await finish(t, Buffer.concat([part, Buffer.alloc(50_000)]));
  t.strictSame(finished, { bytes: whole.length, pages: 2, level: 31, hasVmcoreinfo: false });
  t.ok((await readFile(vmcore)).equals(whole));
  t.equal((await stat(vmcore)).mode & 0o777, 0o600);
});

void t.test('VMCOREINFO that a dump lacks is added', async (t) => {
  const { finished, vmcore } = await finish(t, flattened([[0, dump()]]), { crashed: { info: INFO } });
  t.match(finished, { pages: 2, hasVmcoreinfo: true });
  const bytes = await readFile(vmcore);
  const header = readKdumpHeader(bytes);
  const at = 'why' in header ? undefined : header.info;
  t.equal(bytes.subarray(at?.offset, (at?.offset ?? 0) + (at?.bytes ?? 0)).toString(), INFO.toString());
  t.equal(bytes.readBigInt64LE(4096), 16_777_216n);
});

void t.test('what is no whole dump is not kept', async (t) => {
  const whole = dump();
  const cut = whole.subarray(0, whole.length - 1);
  const cases: readonly [Buffer, string, number?][] = [
    [Buffer.alloc(8192), 'nothing of a dump was written'],
    [Buffer.alloc(0), 'nothing of a dump was written'],
    [flattened([[0, whole]], false), 'it was not written to its end, or is damaged'],
    [flattened([[0, whole]]).subarray(0, 10_000), 'it was not written to its end'],
    [flattened([[0, whole]]), 'it was not written to its end, or is damaged', whole.length - 1],
    [flattened([[0, cut]]), 'pages of which it tells are not in it'],
    [flattened([[0, whole.subarray(0, 16_400)]]), 'pages of which it tells are not in it'],
    [flattened([[0, Buffer.alloc(20_000)]]), 'it has no signature of kdump'],
  ];
  for (const [part, why, mostBytes = MOST] of cases) {
    const { finished, vmcore } = await finish(t, part, { mostBytes });
    t.strictSame(finished, { why });
    t.notOk(existsSync(vmcore));
  }
});
