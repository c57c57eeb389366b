import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { MachineFailure } from '../machine.js';
import { LOCAL_HOST } from './hosts/local.js';
import { qemuMemory } from './memory.js';

const MIB = 1024 * 1024;

void t.test('memory is read in bounded pieces, and the file is removed', async (t) => {
  const directory = t.testdir({});
  const place = await LOCAL_HOST.openPlace({ directory });
  t.teardown(() => place.close());
  const asked: [number, number][] = [];
  const write =
    (short: number) => async (_command: string, words: { val: number; size: number; filename: string }) => {
      asked.push([words.val, words.size]);
      await writeFile(join(directory, words.filename), Buffer.alloc(words.size - short, words.val / MIB));
      return {};
    };
  const memory = (short = 0) => qemuMemory({ execute: write(short) }, { place });
  const bytes = await memory().read(8 * MIB, 33 * MIB);
  t.equal(bytes.length, 33 * MIB);
  t.strictSame([bytes[0], bytes.at(-1)], [8, 40]);
  t.strictSame(asked, [
    [8 * MIB, 32 * MIB],
    [40 * MIB, MIB],
  ]);
  await t.rejects(access(join(directory, 'memory.part')));
  const into = Buffer.alloc(4096, 0xff);
  const read = await memory().read(3 * MIB, 4096, { into });
  t.equal(read.buffer, into.buffer, 'no buffer is made');
  t.ok(into.equals(Buffer.alloc(4096, 3)) && read.length === 4096);
  await t.rejects(memory(1).read(0, 4096), MachineFailure, 'a disk that is full');
  await t.rejects(access(join(directory, 'memory.part')));
});
