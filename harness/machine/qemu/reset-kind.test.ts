import { appendFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { RUN_FILES } from './arguments.js';
import { interruptedIn, kindIn, resetKind } from './reset-kind.js';

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

void t.test('an INIT that interrupted 64-bit code, and one of a boot', (t) => {
  const reset = (cpu: number, ip: string) =>
    `CPU Reset (CPU ${cpu})\nRAX=0000000000000000 RBX=0\nRSI=0 RDI=0\nR8 =0 R9 =0\nR12=0 R13=0\n${ip}\nES =0000\n`;
  const stopped = 'RIP=ffffffff8dc592fa RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1';
  const boot = 'EIP=000fd0c9 EFL=00000006 [-----P-] CPL=0 II=0 A20=1 SMM=0 HLT=1';
  t.strictSame(interruptedIn(`${reset(1, boot)}${reset(0, boot)}`), []);
  t.strictSame(
    interruptedIn(`${reset(1, boot)}${reset(3, stopped)}${reset(0, stopped)}${reset(3, boot)}`),
    [0, 3],
  );
  t.strictSame(interruptedIn(`${reset(2, boot)}RIP=ffffffff8dc592fa\n`), [], 'registers of something else');
  t.strictSame(interruptedIn(''), []);
  t.end();
});
