import { readFileSync } from 'node:fs';
import t from 'tap';
import { makeModule } from '../testing/builders/kernels.js';
import { inspectElf, neededLibraries, readElf, sectionNamed } from './elf.js';

const program = readFileSync('/bin/true');

void t.test('this host’s program and a module of each word width', async (t) => {
  t.match(inspectElf(program), { bits: 64, machine: 62, interpreter: /^\/lib/ });
  t.ok(neededLibraries(program).some((name) => name.startsWith('libc.so')));
  t.match(readElf(program.subarray(0, 4096)), { bits: 64 }, 'the beginning is enough for the head');
  for (const bits of [32, 64] as const) {
    const module = makeModule(['a'], bits);
    t.match(readElf(module), { bits, segments: [] });
    t.match(sectionNamed(module, '.modinfo').toString(), /depends=a/);
  }
});

void t.test('damaged files are refused, whatever is damaged, and quickly', async (t) => {
  // A fixed sequence (Park and Miller), so that a failure can be repeated.
  let state = 20_260_101;
  const random = (below: number) => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state % below;
  };
  const errors = new Set<string>();
  const samples = [program, makeModule(['a', 'b'], 32), makeModule(['a', 'b'], 64)];
  for (let round = 0; round < 3000; round += 1) {
    const sample = samples[round % samples.length] ?? program;
    const bytes = Buffer.from(round % 2 === 0 ? sample : sample.subarray(0, random(sample.length)));
    for (let change = 0; change < 4 && bytes.length > 0; change += 1) {
      bytes[random(Math.min(bytes.length, 1024))] = random(3) === 0 ? 0xff : random(256);
    }
    for (const read of [
      readElf,
      inspectElf,
      neededLibraries,
      (file: Buffer) => sectionNamed(file, '.text'),
    ]) {
      try {
        read(bytes);
      } catch (error) {
        errors.add(error instanceof Error ? error.constructor.name : String(error));
      }
    }
  }
  t.strictSame([...errors].sort(), ['Error', 'RangeError']);
});
