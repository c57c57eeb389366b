import { appendFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { RUN_FILES } from './arguments.js';
import { kindIn, resetKind } from './reset-kind.js';

/** Beginnings of real logs of `-d cpu_reset`, QEMU 7.2. */
const START = 'CPU Reset (CPU 0)\nEAX=00000000 EBX=00000000\n';

void t.test('a triple fault is named by QEMU, another reset is not one', async (t) => {
  t.equal(kindIn(`${START}Triple fault\nCPU Reset (CPU 0)\n`), 'triple fault');
  t.equal(kindIn(`${START}CPU Reset (CPU 0)\n`), 'other reset');
  t.equal(kindIn(`${START}no Triple fault here\n`), 'other reset', 'only a line of its own counts');
  t.equal(kindIn(''), undefined, 'an empty log');
});

void t.test('the log of a guest under KVM does not tell one reset from another', async (t) => {
  const directory = t.testdir({});
  await writeFile(join(directory, RUN_FILES.qemuLog), START);
  t.equal(await resetKind(directory, 'tcg'), 'other reset');
  t.equal(await resetKind(directory, 'kvm'), undefined);
});

void t.test('only the end of a log is read, whatever size a guest has made it', async (t) => {
  const directory = t.testdir({});
  const path = join(directory, RUN_FILES.qemuLog);
  await writeFile(path, `Triple fault\n${START}`);
  t.equal(await resetKind(directory, 'tcg', { mostBytes: START.length }), 'other reset');
  t.equal(await resetKind(directory, 'tcg', { mostBytes: START.length + 13 }), 'triple fault');
  // Larger than a Buffer may be: a reader that takes all of it fails, and would say that the log says nothing.
  await writeFile(path, '');
  await truncate(path, 5 * 1024 ** 3);
  await appendFile(path, '\nTriple fault\n');
  t.equal(await resetKind(directory, 'tcg'), 'triple fault');
});
