#!/usr/bin/env node
/**
 * Makes the fixtures `derived-*` of harness/testdata from recorded ones, for outcomes that no guest produces on demand.
 * Bytes are overwritten or cut, never moved, so that the index of chunks stays valid.
 */
import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';

if (process.argv.length > 2) {
  process.stderr.write(
    `derive-fixtures: cannot use "${process.argv[2]}": it takes no arguments, and overwrites harness/testdata/derived-*; give none\n`,
  );
  process.exit(64);
}

const TESTDATA = new URL('../harness/testdata/', import.meta.url).pathname;

const TROUBLE = [
  'APIC timer disabled due to verification failure',
  'hpet: Counter not counting. HPET disabled',
  'Spurious interrupt (vector 0x24) on CPU#0. Acked',
  'APIC: Stale IRR: 00000000,00100000 ISR: 00000000',
  'Out of memory: Killed process 77 (sh) total-vm:1kB',
  'swapper/0: page allocation failure: order:4, mode:0x1',
];

const DERIVED = {
  'derived-killed-crashpath': {
    from: 'captured-6.1',
    how: 'cut off in the capture boot as by SIGKILL: last lines torn, a chunk without its index line, no end',
    verdict: 'harness-error/unfinished-recording',
    async change(directory) {
      const consoleText = await readFile(join(directory, 'console.bin'), 'latin1');
      await truncate(join(directory, 'console.bin'), consoleText.lastIndexOf('Linux version') + 3000);
      await cutLogs(directory);
    },
  },
  'derived-killed-after-proof': {
    from: 'captured-6.12',
    how: 'cut off right behind the vmcore frame: the proof is complete, the rest is not needed',
    verdict: 'captured/nonce-verified',
    async change(directory) {
      const control = await readFile(join(directory, 'control.bin'));
      const end = control.indexOf('\n', control.indexOf('CP1 {"ev":"vmcore"')) + 1;
      await truncate(join(directory, 'control.bin'), end);
      await cutLogs(directory);
    },
  },
  'derived-banner-behind-unfinished-line': {
    from: 'captured-6.1',
    how: "the line end before the capture kernel's banner overwritten: it stands behind the crashed kernel's last words",
    verdict: 'captured/nonce-verified',
    change: (directory) =>
      overwrite(directory, (text) => {
        const banner = text.lastIndexOf('[    0.000000] Linux version');
        return [[text.lastIndexOf('\n', banner) - 1, '  ']];
      }),
  },
  'derived-screaming-vector': {
    from: 'captured-6.1',
    how: 'three lines of the capture kernel overwritten with "No irq handler for vector"',
    verdict: 'captured/nonce-verified-degraded',
    change: (directory) =>
      overwrite(directory, (text) =>
        captureLines(text, 3).map((at) => [at, '__common_interrupt: 0.35 No irq handler for vector']),
      ),
  },
  'derived-two-stray-interrupts': {
    from: 'captured-6.1',
    how: 'the near miss: two such lines, as a healthy kernel prints them',
    verdict: 'captured/nonce-verified',
    change: (directory) =>
      overwrite(directory, (text) =>
        captureLines(text, 2).map((at) => [at, '__common_interrupt: 0.35 No irq handler for vector']),
      ),
  },
  'derived-nobody-cared': {
    from: 'captured-6.1',
    how: 'two lines of the capture kernel overwritten with the reports of a dead device interrupt',
    verdict: 'captured/nonce-verified-degraded',
    change: (directory) =>
      overwrite(directory, (text) => {
        const [first, second] = captureLines(text, 2);
        return [
          [first, 'irq 11: nobody cared (try booting with the'],
          [second, 'Disabling IRQ #11'],
        ];
      }),
  },
  'derived-timer-and-memory-trouble': {
    from: 'captured-6.1',
    how: 'lines of the capture kernel overwritten with what it says of broken timers, stray interrupts and too little memory',
    verdict: 'captured/nonce-verified-degraded',
    change: (directory) =>
      overwrite(directory, (text) => {
        const lines = captureLines(text, TROUBLE.length);
        return TROUBLE.map((trouble, index) => [lines[index], trouble]);
      }),
  },
  'derived-timer-trouble-before': {
    from: 'captured-6.1',
    how: 'the near miss: the crashed kernel said the same of its timers in its own boot, and its memory was short, not that of the capture kernel',
    verdict: 'captured/nonce-verified',
    change: (directory) =>
      overwrite(directory, (text) => {
        const [inCapture] = captureLines(text, 1);
        const [first, second] = longLines(text, text.indexOf('Linux version') + 4000, 2);
        return [
          [first, 'APIC timer disabled due to verification failure'],
          [second, 'Out of memory: Killed process 77 (sh) total-vm:1kB'],
          [inCapture, 'APIC timer disabled due to verification failure'],
        ];
      }),
  },
  'derived-oops-then-panic': {
    from: 'captured-6.1',
    how: 'the line before the panic overwritten with an oops of the first kernel: that is no oops of the capture',
    verdict: 'captured/nonce-verified',
    change: (directory) =>
      overwrite(directory, (text) => {
        const panic = text.indexOf('Kernel panic - not syncing');
        const line = text.lastIndexOf('[', text.lastIndexOf('\n', panic));
        return [[text.indexOf('] ', line) + 2, 'Oops: 0002 [#1]']];
      }),
  },
};

for (const [name, recipe] of Object.entries(DERIVED)) {
  const target = join(TESTDATA, name);
  await rm(target, { recursive: true, force: true });
  await mkdir(target);
  await cp(join(TESTDATA, recipe.from), target, { recursive: true });
  await recipe.change(target);
  const header = {
    about: recipe.how,
    kernel: JSON.parse(await readFile(join(target, 'plan.json'), 'utf8')).kernel.release,
    made: `derived from ${recipe.from}: scripts/derive-fixtures.mjs`,
    verdict: recipe.verdict,
  };
  await writeFile(join(target, 'expect.yaml'), stringify(header, { lineWidth: 100 }));
}

/** Offsets of the text (behind the time stamp) of `count` long lines of the capture kernel, well after its start. */
function captureLines(text, count) {
  return longLines(text, text.lastIndexOf('Linux version') + 4000, count);
}

/** Offsets of the text of `count` long kernel lines behind `start`. */
function longLines(text, start, count) {
  const lines = [...text.slice(start).matchAll(/\n\[ *\d+\.\d{6}\] (?=[^\r\n]{60,})/g)];
  return lines.slice(0, count).map((match) => start + match.index + match[0].length);
}

/** Overwrites bytes of the console; what is left of an overwritten line is blanked. */
async function overwrite(directory, changes) {
  const path = join(directory, 'console.bin');
  const bytes = await readFile(path);
  for (const [at, text] of changes(bytes.toString('latin1'))) {
    const end = /[\r\n]/.exec(bytes.toString('latin1', at + text.length))?.index ?? 0;
    bytes.write(text.trim() === '' ? text : text.padEnd(text.length + end), at, 'latin1');
  }
  await writeFile(path, bytes);
}

/** Cuts the index and the logs where the channels end, and truncates the line there. */
async function cutLogs(directory) {
  const size = async (name) => (await readFile(join(directory, name))).length;
  const sizes = { console: await size('console.bin'), control: await size('control.bin') };
  const chunks = (await readFile(join(directory, 'chunks.jsonl'), 'utf8')).split('\n').filter(Boolean);
  const inside = chunks.findIndex((line) => {
    const { channel, offset, length } = JSON.parse(line);
    return offset + length > sizes[channel];
  });
  const { seq } = JSON.parse(chunks[inside]);
  // Both channels end at the same moment: bytes that came later on the other one are cut as well.
  for (const channel of ['console', 'control']) {
    const before = chunks.slice(0, inside).map((line) => JSON.parse(line));
    const heard = before
      .filter((chunk) => chunk.channel === channel)
      .map(({ offset, length }) => offset + length);
    const cut = JSON.parse(chunks[inside]).channel === channel ? sizes[channel] : Math.max(0, ...heard);
    await truncate(join(directory, `${channel}.bin`), cut);
  }
  await writeFile(
    join(directory, 'chunks.jsonl'),
    `${chunks.slice(0, inside).join('\n')}\n${chunks[inside].slice(0, 20)}`,
  );
  for (const name of ['qmp.jsonl', 'samples.jsonl', 'host.jsonl']) {
    const lines = (await readFile(join(directory, name), 'utf8')).split('\n').filter(Boolean);
    const kept = lines.filter((line) => JSON.parse(line).seq < seq);
    const torn = lines[kept.length]?.slice(0, 30) ?? '';
    await writeFile(join(directory, name), `${kept.join('\n')}\n${torn}`);
  }
}
